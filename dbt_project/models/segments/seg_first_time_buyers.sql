{#
    grain: one row per customer with exactly one order; key: customer_id
    why here: cancelled orders, tests and credit notes do not count
#}
with customers as (

    select * from {{ ref('dim_customers') }}
    where not is_employee and order_count = 1

),

first_orders as (

    select * from {{ ref('fct_orders') }}
    where is_first_order

),

final as (

    select
        customers.customer_id,
        first_orders.order_id,
        first_orders.occurred_at as first_order_at
    from customers
    inner join first_orders on customers.customer_id = first_orders.customer_id

)

select * from final
