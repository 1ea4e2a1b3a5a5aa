{{ config(materialized='view') }}
{#
    grain: one row per (source, identifier) with an order or a contract, and when the first of them began
    rebuild: a view over orders and conformed contracts
    why here: a customer with a contract may be served under it without a consent
#}
with

orders as (

    select * from {{ ref('int_commerce__orders_unioned') }}
    where not is_test

),

stated as (

    {{ union_concept('contracts') }}

),

contracts as (

    select
        source,
        identifier_type,
        identifier_value,
        ordered_at as contracted_at
    from orders

    union all

    select
        source,
        identifier_type,
        identifier_value,
        contracted_at
    from stated

),

final as (

    select
        source,
        identifier_type,
        identifier_value,
        min(contracted_at) as contracted_at
    from contracts
    group by 1, 2, 3

)

select * from final
