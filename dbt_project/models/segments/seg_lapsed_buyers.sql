{#
    grain: one row per customer who bought before, but not within lapsed_buyer_days; key:
        customer_id
#}
{% set days = bounded_var('lapsed_buyer_days', 90, 1, 3650) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'dim_customers', 'column': 'last_order_at', 'shift': -days, 'unit': 'day'},
            ]
        }
    )
}}
with customers as (

    select * from {{ ref('dim_customers') }}
    where
        not is_employee
        and order_count > 0
        and last_order_at < {{ dbt.dateadd('day', -days, as_of()) }}

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
