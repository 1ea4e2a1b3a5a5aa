{{ config(materialized='changed_rows') }}
{#
    grain: one row per (decision_key, identifier_type, identifier_value); a decision without
        identifiers has one row
    rebuild: full table
    why here: every source's decisions in one shape and in its own words, landed or in quarantine;
        phones are numbers from here on
#}
with

unioned as (

    {{ union_concept('consents') }}

),

parsed as (

    {{ parse_values('unioned', [
        {'kind': 'identifier_type', 'value': 'identifier_value', 'parsed': 'parsed_value'},
    ]) }}

),

named as (

    select
        *,
        coalesce(parsed_value, fallback_value) as named_value
    from parsed

),

{# Two texts may be one number. #}
grouped as (

    select
        decision_key,
        source,
        entity,
        record_key,
        quarantine_id,
        word_field,
        case when named_value is not null then identifier_type end as identifier_type,
        named_value as identifier_value,
        coalesce(decision_word, '') as decision_word,
        coalesce(purpose_word, '') as purpose_word,
        coalesce(channel_word, '') as channel_word,
        max(case when is_exact and named_value is not null then 1 else 0 end) = 1 as is_exact,
        is_parsed,
        decided_at,
        arrived_at
    from named
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15

),

identified as (

    select distinct decision_key from grouped
    where identifier_value is not null

),

{# An invalid phone names nobody; a decision without other identifiers remains, and names nobody. #}
final as (

    select grouped.* from grouped
    left join identified on grouped.decision_key = identified.decision_key
    where grouped.identifier_value is not null or identified.decision_key is null

)

select * from final
