{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, own identifier, identifier)
    rebuild: a view over staging
#}
with

customers as (

    select
        *,
        {{ is_living_record('NAME_customer_id') }} as is_living
    from {{ ref('stg_NAME__customers') }}

),

final as (

    -- own: identifier of the record. named: other identifiers of the same person, as [type, column].
    {{ name_identifiers(
        'customer', 'customers', 'NAME_customer_id', own={'email': 'email'}, named=[], is_living='is_living',
    ) }}

)

select * from final
