{#
    grain: one row per customer who views a category repeatedly without buying from it;
        key: customer_id
    why here: if several categories qualify, the most viewed one is shown
#}
{% set days = bounded_var('category_interest_days', 7, 1, 90) %}
{% set views = bounded_var('category_interest_views', 3, 1, 100) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'fct_events', 'column': 'occurred_at'},
                {'relation': 'fct_events', 'column': 'occurred_at', 'shift': -days, 'unit': 'day'},
                {'relation': 'fct_order_lines', 'column': 'occurred_at'},
                {'relation': 'fct_order_lines', 'column': 'occurred_at', 'shift': -days, 'unit': 'day'},
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
        product_category,
        count(*) as view_count,
        min(occurred_at) as first_viewed_at,
        max(occurred_at) as last_viewed_at
    from {{ ref('fct_events') }}
    where
        customer_id is not null
        and product_category is not null
        and event_name = 'product_viewed'
        and not is_bot
        and occurred_at > {{ dbt.dateadd('day', -days, as_of()) }}
        and occurred_at <= {{ as_of() }}
    group by 1, 2

),

purchases as (

    select distinct
        customer_id,
        product_category
    from {{ ref('fct_order_lines') }}
    where
        customer_id is not null
        and product_category is not null
        and is_purchase
        and occurred_at > {{ dbt.dateadd('day', -days, as_of()) }}
        and occurred_at <= {{ as_of() }}

),

final as (

    select
        views.customer_id,
        views.product_category,
        cast(views.view_count as bigint) as view_count,
        views.last_viewed_at
    from views
    inner join customers on views.customer_id = customers.customer_id
    left join purchases
        on
            views.customer_id = purchases.customer_id
            and views.product_category = purchases.product_category
    where views.view_count >= {{ views }} and purchases.customer_id is null
    qualify
        row_number() over (
            partition by views.customer_id
            order by views.view_count desc, views.last_viewed_at desc, views.product_category asc
        ) = 1

)

select * from final
