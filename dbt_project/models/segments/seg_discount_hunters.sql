{#
    grain: one row per customer who buys mostly at a discount; key: customer_id
#}
{% set orders = bounded_var('discount_hunter_orders', 2, 1, 100) %}
{% set percent = bounded_var('discount_hunter_percent', 50, 1, 100) %}
with customers as (

    select customer_id from {{ ref('dim_customers') }}
    where not is_employee

),

orders as (

    select
        customer_id,
        count(*) as order_count,
        count(case when discount_amount > 0 then 1 end) as discounted_order_count
    from {{ ref('fct_orders') }}
    where is_purchase and customer_id is not null
    group by 1

),

final as (

    select
        customers.customer_id,
        cast(orders.order_count as bigint) as order_count,
        cast(orders.discounted_order_count as bigint) as discounted_order_count
    from customers
    inner join orders on customers.customer_id = orders.customer_id
    where
        orders.discounted_order_count >= {{ orders }}
        and orders.discounted_order_count * 100 >= orders.order_count * {{ percent }}

)

select * from final
