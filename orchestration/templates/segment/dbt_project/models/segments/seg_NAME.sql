{#
    grain: one row per customer with at least one order; key: customer_id
#}
with customers as (

    select * from {{ ref('dim_customers') }}

),

final as (

    select
        customer_id,
        order_count
    from customers
    where order_count >= 1

)

select * from final
