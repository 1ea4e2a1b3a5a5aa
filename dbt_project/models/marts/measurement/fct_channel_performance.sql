{#
    grain: one row per channel and month; key: channel_month_key
    why here: the cost of a channel beside the revenue of its sessions; an order is credited to the
        customer's last session before it
#}
{% set days = bounded_var('channel_lookback_days', 30, 1, 365) %}
with sessions as (

    select * from {{ ref('fct_sessions') }}
    where not is_bot

),

orders as (

    select * from {{ ref('fct_orders') }}
    where is_purchase

),

spend as (

    select
        channel,
        cast({{ dbt.date_trunc('month', 'occurred_at') }} as date) as month_date,
        sum(spend_amount_reporting) as spend_amount,
        sum(click_count) as click_count,
        cast(0 as bigint) as session_count,
        cast(0 as bigint) as order_count,
        cast(0 as bigint) as unconverted_order_count,
        {{ money('0') }} as revenue_amount
    from {{ ref('fct_ad_spend') }}
    group by 1, 2

),

visits as (

    select
        channel,
        cast({{ dbt.date_trunc('month', 'occurred_at') }} as date) as month_date,
        {{ money('0') }} as spend_amount,
        cast(0 as bigint) as click_count,
        count(*) as session_count,
        cast(0 as bigint) as order_count,
        cast(0 as bigint) as unconverted_order_count,
        {{ money('0') }} as revenue_amount
    from sessions
    where not is_employee
    group by 1, 2

),

credited as (

    select
        orders.order_id,
        orders.occurred_at,
        orders.net_amount_reporting,
        -- An order without an earlier session has an unknown channel.
        coalesce(sessions.channel, 'unknown') as channel
    from orders
    left join sessions
        on
            orders.customer_id = sessions.customer_id
            and orders.occurred_at >= sessions.occurred_at
            and sessions.occurred_at >= {{ dbt.dateadd('day', -days, 'orders.occurred_at') }}
    qualify
        row_number() over (
            partition by orders.order_id
            order by sessions.occurred_at desc, sessions.session_id desc
        ) = 1

),

sales as (

    select
        channel,
        cast({{ dbt.date_trunc('month', 'occurred_at') }} as date) as month_date,
        {{ money('0') }} as spend_amount,
        cast(0 as bigint) as click_count,
        cast(0 as bigint) as session_count,
        count(*) as order_count,
        sum(case when net_amount_reporting is null then 1 else 0 end) as unconverted_order_count,
        sum(coalesce(net_amount_reporting, 0)) as revenue_amount
    from credited
    group by 1, 2

),

unioned as (

    select * from spend

    union all

    select * from visits

    union all

    select * from sales

),

final as (

    select
        channel || '|' || cast(month_date as {{ dbt.type_string() }}) as channel_month_key,
        channel,
        '{{ var('reporting_currency', 'EUR') | upper }}' as reporting_currency,
        {{ money('sum(coalesce(spend_amount, 0))', 18) }} as spend_amount,
        cast(sum(coalesce(click_count, 0)) as bigint) as click_count,
        cast(sum(session_count) as bigint) as session_count,
        cast(sum(order_count) as bigint) as order_count,
        cast(sum(unconverted_order_count) as bigint) as unconverted_order_count,
        {{ money('sum(revenue_amount)', 18) }} as revenue_amount,
        month_date
    from unioned
    group by 1, 2, 3, 10

)

select * from final
