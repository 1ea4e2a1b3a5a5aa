{#
    grain: one row per customer with an abandoned checkout (the latest one); key: customer_id
    why here: left at least abandoned_cart_hours and at most abandoned_cart_max_days ago, no order
        since
#}
{% set hours = bounded_var('abandoned_cart_hours', 4, 1, 168) %}
{% set max_days = bounded_var('abandoned_cart_max_days', 7, 1, 90) %}
{{
    config(
        meta={
            'clock': [
                {'relation': 'fct_checkouts', 'column': 'occurred_at', 'shift': -hours, 'unit': 'hour'},
                {'relation': 'fct_checkouts', 'column': 'occurred_at', 'shift': -max_days, 'unit': 'day'},
                {'relation': 'fct_checkouts', 'column': 'completed_at'},
                {'relation': 'fct_orders', 'column': 'occurred_at'},
            ]
        }
    )
}}
with customers as (

    select customer_id from {{ ref('dim_customers') }}
    where not is_employee

),

checkouts as (

    select * from {{ ref('fct_checkouts') }}
    where
        customer_id is not null
        and occurred_at <= {{ dbt.dateadd('hour', -hours, as_of()) }}
        and occurred_at >= {{ dbt.dateadd('day', -max_days, as_of()) }}
        and (not is_completed or completed_at > {{ as_of() }})

),

last_orders as (

    -- Any later order ends the reminder, even one that was cancelled.
    select
        customer_id,
        max(occurred_at) as last_order_at
    from {{ ref('fct_orders') }}
    where customer_id is not null and not is_test and occurred_at <= {{ as_of() }}
    group by 1

),

final as (

    select
        checkouts.customer_id,
        checkouts.checkout_id,
        checkouts.cart_id,
        checkouts.currency_code,
        checkouts.total_amount,
        checkouts.occurred_at as abandoned_at
    from checkouts
    inner join customers on checkouts.customer_id = customers.customer_id
    left join last_orders on checkouts.customer_id = last_orders.customer_id
    where
        last_orders.last_order_at is null
        or last_orders.last_order_at < checkouts.occurred_at
    qualify
        row_number() over (
            partition by checkouts.customer_id
            order by checkouts.occurred_at desc, checkouts.checkout_id desc
        ) = 1

)

select * from final
