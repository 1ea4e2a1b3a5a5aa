{#
    grain: one row per person who is known by name since a short time; key: customer_id
    why here: an anonymous device is a visitor, not yet a customer
#}
{% set days = bounded_var('new_customer_days', 30, 1, 365) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'dim_customers', 'column': 'first_seen_at'},
                {'relation': 'dim_customers', 'column': 'first_seen_at', 'shift': -days, 'unit': 'day'},
            ]
        }
    )
}}
with customers as (

    select * from {{ ref('dim_customers') }}
    where
        not is_employee
        and is_identified
        and first_seen_at > {{ dbt.dateadd('day', -days, as_of()) }}
        and first_seen_at <= {{ as_of() }}

),

final as (

    select
        customer_id,
        order_count,
        first_seen_at
    from customers

)

select * from final
