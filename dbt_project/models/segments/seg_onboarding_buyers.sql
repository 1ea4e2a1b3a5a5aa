{#
    grain: one row per customer who bought for the first time a short time ago; key: customer_id
#}
{% set days = bounded_var('onboarding_days', 30, 1, 365) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'dim_customers', 'column': 'first_order_at'},
                {'relation': 'dim_customers', 'column': 'first_order_at', 'shift': -days, 'unit': 'day'},
            ]
        }
    )
}}
with customers as (

    select * from {{ ref('dim_customers') }}
    where
        not is_employee
        and first_order_at > {{ dbt.dateadd('day', -days, as_of()) }}
        and first_order_at <= {{ as_of() }}

),

final as (

    select
        customer_id,
        order_count,
        first_order_at
    from customers

)

select * from final
