{{ config(materialized='changed_rows') }}
{#
    grain: one row per (source, record_type, record_id, own identifier, identifier), also of deleted
        records
    rebuild: full table
    why here: identifiers are numbered by arrival, also after their record was deleted; a phone that
        is no valid number is no identifier
#}
with

named as (

    {{ union_concept('identifiers') }}

),

phone_numbers as (

    select * from {{ ref('cnf_lookups__phone_numbers') }}

),

texts as (

    select
        *,
        {{ unparsed_phone("own_type = 'phone'", 'own_value') }} as own_phone_text,
        {{ unparsed_phone("identifier_type = 'phone'", 'identifier_value') }} as phone_text
    from named

),

parsed as (

    select
        texts.source,
        texts.record_type,
        texts.record_id,
        texts.own_type,
        case
            when texts.own_phone_text is null then texts.own_value
            else own_numbers.phone_e164
        end as own_value,
        texts.identifier_type,
        case
            when texts.phone_text is null then texts.identifier_value
            else numbers.phone_e164
        end as identifier_value,
        texts.times_seen,
        texts.is_living,
        texts.first_loaded_at,
        texts.last_loaded_at,
        texts.first_seen_at,
        texts.last_seen_at
    from texts
    left join phone_numbers as own_numbers on texts.own_phone_text = own_numbers.phone_text
    left join phone_numbers as numbers on texts.phone_text = numbers.phone_text

),

final as (

    select
        source,
        record_type,
        record_id,
        own_type,
        own_value,
        identifier_type,
        identifier_value,
        cast(sum(times_seen) as bigint) as times_seen,
        max(case when is_living then 1 else 0 end) = 1 as is_living,
        min(first_loaded_at) as first_loaded_at,
        max(last_loaded_at) as last_loaded_at,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from parsed
    where own_value is not null and identifier_value is not null
    group by 1, 2, 3, 4, 5, 6, 7

)

select * from final
