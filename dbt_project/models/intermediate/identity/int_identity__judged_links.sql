{{ config(materialized='view') }}
{#
    grain: one row per (identifier_no_a, identifier_no_b, rule, source, record_id), with the reason
        why it may not join, if any
    rebuild: a view
    why here: all edges: exact evidence, and the results of the probabilistic tier
#}
with

judged_evidence as (

    select * from {{ ref('int_identity__judged_evidence') }}

),

person_pairs as (

    select * from {{ ref('int_identity__person_pairs') }}

),

persons as (

    select * from {{ ref('int_identity__persons') }}

),

match_rules as (

    select * from {{ ref('match_rules') }}

),

person_links as (

    select
        person_pairs.identifier_no_a,
        person_pairs.identifier_no_b,
        match_rules.rule,
        match_rules.source,
        person_pairs.model_version as record_id,
        case
            when not match_rules.is_enabled then 'rule_disabled'
            when person_pairs.verdict = 'held' then concat('held:', person_pairs.reason)
        end as refusal_reason,
        match_rules.tier,
        cast(1 as bigint) as times_seen,
        cast(null as integer) as usable_days,
        least(first_persons.observed_at, second_persons.observed_at) as first_seen_at,
        greatest(first_persons.observed_at, second_persons.observed_at) as last_seen_at
    from person_pairs
    inner join match_rules on match_rules.rule = 'person_match'
    inner join persons as first_persons
        on person_pairs.identifier_no_a = first_persons.identifier_no
    inner join persons as second_persons
        on person_pairs.identifier_no_b = second_persons.identifier_no
    where person_pairs.verdict in ('match', 'held')

),

final as (

    select
        identifier_no_a,
        identifier_no_b,
        rule,
        source,
        record_id,
        refusal_reason,
        tier,
        times_seen,
        usable_days,
        first_seen_at,
        last_seen_at
    from judged_evidence

    union all

    select
        identifier_no_a,
        identifier_no_b,
        rule,
        source,
        record_id,
        refusal_reason,
        tier,
        times_seen,
        usable_days,
        first_seen_at,
        last_seen_at
    from person_links

)

select * from final
