{#
    grain: one row per customer who looked at products and did nothing more; key: customer_id
    why here: with a cart or a checkout the visit is not browsing: see seg_abandoned_cart
#}
{% set days = bounded_var('browse_abandonment_days', 3, 1, 90) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'fct_events', 'column': 'occurred_at'},
                {'relation': 'fct_events', 'column': 'occurred_at', 'shift': -days, 'unit': 'day'},
                {'relation': 'fct_carts', 'column': 'last_activity_at'},
                {'relation': 'fct_carts', 'column': 'last_activity_at', 'shift': -days, 'unit': 'day'},
                {'relation': 'fct_checkouts', 'column': 'occurred_at'},
                {'relation': 'fct_checkouts', 'column': 'occurred_at', 'shift': -days, 'unit': 'day'},
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

views as (

    select
        customer_id,
        count(*) as view_count,
        max(occurred_at) as last_viewed_at
    from {{ ref('fct_events') }}
    where
        event_name = 'product_viewed'
        and customer_id is not null
        and not is_bot
        and occurred_at > {{ dbt.dateadd('day', -days, as_of()) }}
        and occurred_at <= {{ as_of() }}
    group by 1

),

steps as (

    select
        customer_id,
        last_activity_at as occurred_at
    from {{ ref('fct_carts') }}
    union all
    select
        customer_id,
        occurred_at
    from {{ ref('fct_checkouts') }}
    union all
    select
        customer_id,
        occurred_at
    from {{ ref('fct_orders') }}
    where not is_test

),

active as (

    select distinct customer_id from steps
    where
        customer_id is not null
        and occurred_at > {{ dbt.dateadd('day', -days, as_of()) }}
        and occurred_at <= {{ as_of() }}

),

final as (

    select
        customers.customer_id,
        cast(views.view_count as bigint) as view_count,
        views.last_viewed_at
    from customers
    inner join views on customers.customer_id = views.customer_id
    left join active on customers.customer_id = active.customer_id
    where active.customer_id is null

)

select * from final
