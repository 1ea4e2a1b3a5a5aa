{#
    grain: one row per customer with two orders or more; key: customer_id
    why here: cancelled orders, tests and credit notes do not count
#}
with customers as (

    select * from {{ ref('dim_customers') }}
    where
        not is_employee
        and order_count >= 2

),

final as (

    select
        customer_id,
        order_count,
        last_order_at
    from customers

)

select * from final
