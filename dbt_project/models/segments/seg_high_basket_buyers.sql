{#
    grain: one row per customer whose average order is large; key: customer_id
#}
{% set amount = bounded_var('high_basket_amount', 150, 1, 1000000) %}
with customers as (

    select * from {{ ref('dim_customers') }}
    where
        not is_employee
        and average_order_amount >= {{ amount }}

),

final as (

    select
        customer_id,
        revenue_currency,
        order_count,
        average_order_amount
    from customers

)

select * from final
