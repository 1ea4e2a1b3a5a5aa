{#
    grain: one row per customer who ordered a short time ago; key: customer_id
    why here: who has just bought needs no advertisement
#}
{% set days = bounded_var('recent_buyer_days', 14, 1, 365) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'dim_customers', 'column': 'last_order_at'},
                {'relation': 'dim_customers', 'column': 'last_order_at', 'shift': -days, 'unit': 'day'},
            ]
        }
    )
}}
with customers as (

    select * from {{ ref('dim_customers') }}
    where
        last_order_at > {{ dbt.dateadd('day', -days, as_of()) }}
        and last_order_at <= {{ as_of() }}

),

final as (

    select
        customer_id,
        order_count,
        last_order_at
    from customers

)

select * from final
