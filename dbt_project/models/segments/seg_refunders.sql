{#
    grain: one row per customer with several refunded orders; key: customer_id
#}
{% set days = bounded_var('refunder_days', 365, 1, 3650) %}
{% set orders = bounded_var('refunder_orders', 2, 1, 100) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'fct_refunds', 'column': 'occurred_at'},
                {'relation': 'fct_refunds', 'column': 'occurred_at', 'shift': -days, 'unit': 'day'},
            ]
        }
    )
}}
with customers as (

    select customer_id from {{ ref('dim_customers') }}
    where not is_employee

),

refunds as (

    select * from {{ ref('fct_refunds') }}
    where
        refund_amount > 0
        and occurred_at > {{ dbt.dateadd('day', -days, as_of()) }}
        and occurred_at <= {{ as_of() }}

),

final as (

    select
        customers.customer_id,
        cast(count(distinct refunds.order_id) as bigint) as refunded_order_count,
        max(refunds.occurred_at) as last_refund_at
    from customers
    inner join refunds on customers.customer_id = refunds.customer_id
    group by 1
    having count(distinct refunds.order_id) >= {{ orders }}

)

select * from final
