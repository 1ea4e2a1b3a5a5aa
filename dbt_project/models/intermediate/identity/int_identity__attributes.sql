{{ config(materialized='view') }}
{#
    grain: one row per (source, record_type, record_id, attribute) with a value in a record
    rebuild: a view over the union of all sources
    why here: phones are numbers from here on; a phone that is no valid number is no value
#}
with

offered as (

    {{ union_concept('attributes') }}

),

phone_numbers as (

    select * from {{ ref('cnf_lookups__phone_numbers') }}

),

texts as (

    select
        *,
        {{ unparsed_phone("attribute in ('phone', 'mobile_phone')", 'value') }} as phone_text
    from offered

),

parsed as (

    select
        texts.source,
        texts.record_type,
        texts.record_id,
        texts.identifier_type,
        texts.identifier_value,
        texts.attribute,
        case when texts.phone_text is null then texts.value else phone_numbers.phone_e164 end as value,
        texts.allows_matching,
        texts.allows_attributes,
        texts.observed_at
    from texts
    left join phone_numbers on texts.phone_text = phone_numbers.phone_text

),

final as (

    select * from parsed
    where value is not null

)

select * from final
