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

parsed as (

    {{ parse_values('offered', [{'kind': 'attribute', 'value': 'value', 'parsed': 'parsed_value'}]) }}

),

final as (

    select
        source,
        record_type,
        record_id,
        identifier_type,
        identifier_value,
        attribute,
        parsed_value as value,
        allows_matching,
        allows_attributes,
        coalesce(is_verified, false) as is_verified,
        observed_at
    from parsed
    where parsed_value is not null

)

select * from final
