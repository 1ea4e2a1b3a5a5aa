{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['identifier_no_a', 'identifier_no_b'],
        meta={'clock': []},
    )
}}
{#
    grain: one row per two identifiers that evidence or a person ever connected or separated;
        key: (identifier_no_a, identifier_no_b)
    rebuild: rows that changed get a new revision_no, rows without evidence no longer join; a full
        refresh starts over
    why here: the graph as numbers: the input of the partition, and what changed since its last run
#}
with

judged_links as (

    select * from {{ ref('int_identity__judged_links') }}

),

exclusions as (

    select * from {{ ref('int_identity__exclusions') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

{% if is_incremental() %}
erased as (

    select identifier_no from identifiers where identifier_value is null

),

{% endif %}
evidence as (

    select
        identifier_no_a,
        identifier_no_b,
        max(case when refusal_reason is null then 1 else 0 end) = 1 as is_joining,
        min(coalesce(refusal_reason, '')) as refusal_reason,
        min(case when refusal_reason is null then tier end) as tier,
        max(case when refusal_reason is null then tier end) as weakest_tier,
        cast(sum(case when refusal_reason is null then times_seen end) as bigint) as times_seen,
        count(distinct case when refusal_reason is null then source end) as source_count,
        max(usable_days) as usable_days,
        max(case when refusal_reason is null then last_seen_at end) as last_seen_at
    from judged_links
    group by 1, 2

),

current_pairs as (

    select
        coalesce(evidence.identifier_no_a, exclusions.identifier_no_a) as identifier_no_a,
        coalesce(evidence.identifier_no_b, exclusions.identifier_no_b) as identifier_no_b,
        evidence.refusal_reason,
        evidence.tier,
        evidence.weakest_tier,
        evidence.times_seen,
        evidence.source_count,
        evidence.usable_days,
        coalesce(evidence.is_joining, false) as is_joining,
        exclusions.identifier_no_a is not null as is_excluded,
        evidence.last_seen_at
    from evidence
    full outer join exclusions
        on
            evidence.identifier_no_a = exclusions.identifier_no_a
            and evidence.identifier_no_b = exclusions.identifier_no_b

),

final as (

    {{ select_revised_rows('current_pairs', ['identifier_no_a', 'identifier_no_b'], {
        'refusal_reason': 'null',
        'tier': 'null',
        'weakest_tier': 'null',
        'times_seen': 'null',
        'source_count': 'null',
        'usable_days': 'null',
        'is_joining': 'false',
        'is_excluded': 'false',
        'last_seen_at': 'null',
    }, cause="""case
                when coalesce(current.is_excluded, false) <> coalesce(known.is_excluded, false) then 1
                when coalesce(current.tier = 0, false) <> coalesce(known.tier = 0, false) then 1
                when first_erased.identifier_no is not null or second_erased.identifier_no is not null then 2
                when current.refusal_reason in ('rule_disabled', 'type_does_not_join', 'invalid', 'blocked') then 3
                when known.refusal_reason in ('rule_disabled', 'type_does_not_join', 'invalid', 'blocked') then 3
                when current.refusal_reason <> known.refusal_reason and current.usable_days <> known.usable_days then 3
                when
                    (current.tier > known.weakest_tier or current.weakest_tier < known.tier)
                    and (current.usable_days is null) = (known.usable_days is null)
                    then 3
                when
                    current.tier <> known.tier
                    and current.times_seen = known.times_seen
                    and current.source_count = known.source_count
                    and current.last_seen_at = known.last_seen_at
                    then 3
                else 4
            end""", joins="""
            left join erased as first_erased on known.identifier_no_a = first_erased.identifier_no
            left join erased as second_erased on known.identifier_no_b = second_erased.identifier_no
        """) }}

)

select * from final
