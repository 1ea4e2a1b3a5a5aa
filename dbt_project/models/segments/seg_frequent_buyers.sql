{#
    grain: one row per customer with many recent orders; key: customer_id
#}
{% set days = bounded_var('frequent_buyer_days', 180, 1, 3650) %}
{% set orders = bounded_var('frequent_buyer_orders', 3, 2, 1000) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'fct_orders', 'column': 'occurred_at'},
                {'relation': 'fct_orders', 'column': 'occurred_at', 'shift': -days, 'unit': 'day'},
            ]
        }
    )
}}
with customers as (

    select customer_id from {{ ref('dim_customers') }}
    where not is_employee

),

orders as (

    select * from {{ ref('fct_orders') }}
    where
        is_purchase
        and occurred_at > {{ dbt.dateadd('day', -days, as_of()) }}
        and occurred_at <= {{ as_of() }}

),

final as (

    select
        customers.customer_id,
        cast(count(*) as bigint) as recent_order_count,
        max(orders.occurred_at) as last_order_at
    from customers
    inner join orders on customers.customer_id = orders.customer_id
    group by 1
    having count(*) >= {{ orders }}

)

select * from final
