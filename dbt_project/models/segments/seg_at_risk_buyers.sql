{#
    grain: one row per repeat customer who is about to lapse; key: customer_id
    why here: the last order is old, but not so old that the customer is in seg_lapsed_buyers
#}
{% set days = bounded_var('at_risk_buyer_days', 60, 1, 3650) %}
{% set lapsed_days = bounded_var('lapsed_buyer_days', 90, 1, 3650) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'dim_customers', 'column': 'last_order_at', 'shift': -days, 'unit': 'day'},
                {'relation': 'dim_customers', 'column': 'last_order_at', 'shift': -lapsed_days, 'unit': 'day'},
            ]
        }
    )
}}
with customers as (

    select * from {{ ref('dim_customers') }}
    where
        not is_employee
        and order_count >= 2
        and last_order_at < {{ dbt.dateadd('day', -days, as_of()) }}
        and last_order_at >= {{ dbt.dateadd('day', -lapsed_days, as_of()) }}

),

final as (

    select
        customer_id,
        revenue_currency,
        order_count,
        lifetime_revenue_amount,
        last_order_at
    from customers

)

select * from final
