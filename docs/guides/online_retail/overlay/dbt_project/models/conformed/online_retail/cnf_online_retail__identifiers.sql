{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, own identifier, identifier), living or not
    rebuild: a view over the orders
#}
with orders as (

    select * from {{ ref('cnf_online_retail__orders') }}

),

final as (

    select
        'order' as record_type,
        order_id as record_id,
        identifier_type as own_type,
        identifier_value as own_value,
        identifier_type,
        identifier_value,
        1 as times_seen,
        true as is_living,
        loaded_at as first_loaded_at,
        loaded_at as last_loaded_at,
        ordered_at as first_seen_at,
        ordered_at as last_seen_at
    from orders

)

select * from final
