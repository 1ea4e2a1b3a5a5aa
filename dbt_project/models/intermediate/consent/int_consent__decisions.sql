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

phone_numbers as (

    select * from {{ ref('cnf_lookups__phone_numbers') }}

),

texts as (

    select
        *,
        {{ unparsed_phone("identifier_type = 'phone'", 'identifier_value') }} as phone_text
    from unioned
    where identifier_type = 'phone'

),

parsed as (

    select
        texts.*,
        case
            when texts.phone_text is null then texts.identifier_value
            else coalesce(phone_numbers.phone_e164, texts.fallback_value)
        end as parsed_value
    from texts
    left join phone_numbers on texts.phone_text = phone_numbers.phone_text

),

{# Two texts may be one number. #}
phones as (

    select
        decision_key,
        source,
        entity,
        record_key,
        quarantine_id,
        word_field,
        case when parsed_value is not null then identifier_type end as identifier_type,
        parsed_value as identifier_value,
        decision_word,
        purpose_word,
        channel_word,
        max(case when is_exact and parsed_value is not null then 1 else 0 end) = 1 as is_exact,
        is_parsed,
        decided_at,
        arrived_at
    from parsed
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15

),

named as (

    select
        decision_key,
        source,
        entity,
        record_key,
        quarantine_id,
        word_field,
        case when identifier_value is not null then identifier_type end as identifier_type,
        identifier_value,
        decision_word,
        purpose_word,
        channel_word,
        is_exact and identifier_value is not null as is_exact,
        is_parsed,
        decided_at,
        arrived_at
    from unioned
    where coalesce(identifier_type, '') <> 'phone'

    union all

    select * from phones

),

identified as (

    select distinct decision_key from named
    where identifier_value is not null

),

{# An invalid phone names nobody; a decision without other identifiers remains, and names nobody. #}
final as (

    select
        named.decision_key,
        named.source,
        named.entity,
        named.record_key,
        named.quarantine_id,
        named.word_field,
        named.identifier_type,
        named.identifier_value,
        coalesce(named.decision_word, '') as decision_word,
        coalesce(named.purpose_word, '') as purpose_word,
        coalesce(named.channel_word, '') as channel_word,
        named.is_exact,
        named.is_parsed,
        named.decided_at,
        named.arrived_at
    from named
    left join identified on named.decision_key = identified.decision_key
    where named.identifier_value is not null or identified.decision_key is null

)

select * from final
