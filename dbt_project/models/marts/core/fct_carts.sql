{#
    grain: one row per cart; key: cart_id
    why here: a cart is known by what visitors added to it; a tracker without cart ids has one cart
        per session
#}
with events as (

    select * from {{ ref('fct_events') }}
    where
        event_name in ('product_added', 'product_removed', 'checkout_started', 'order_completed')
        and not is_bot
        and coalesce(cart_id, session_id) is not null

),

rates as (

    select * from {{ ref('int_commerce__reporting_rates') }}

),

checkouts as (

    select
        cart_id,
        min(checkout_id) as checkout_id,
        min(occurred_at) as checkout_at
    from {{ ref('fct_checkouts') }}
    where cart_id is not null
    group by 1

),

orders as (

    select
        cart_id,
        min_by(order_id, occurred_at) as order_id,
        min(occurred_at) as ordered_at
    from {{ ref('fct_orders') }}
    where cart_id is not null and not is_test
    group by 1

),

gathered as (

    select
        coalesce(cart_id, 'session:' || session_id) as cart_id,
        min_by(customer_id, case when customer_id is not null then occurred_at end) as customer_id,
        min(source) as source,
        min(currency_code) as currency_code,
        count(distinct currency_code) as currency_count,
        sum(case when event_name = 'product_added' then 1 else 0 end) as added_count,
        sum(case when event_name = 'product_removed' then 1 else 0 end) as removed_count,
        count(distinct case when event_name = 'product_added' then product_id end) as product_count,
        sum(case event_name when 'product_added' then value_amount when 'product_removed' then -value_amount end)
            as value_amount,
        min(case when event_name = 'checkout_started' then occurred_at end) as checkout_at,
        min(case when event_name = 'order_completed' then occurred_at end) as ordered_at,
        min_by(order_id, case when event_name = 'order_completed' then occurred_at end) as order_id,
        min(occurred_at) as occurred_at,
        max(occurred_at) as last_activity_at
    from events
    group by 1
    having sum(case when event_name = 'product_added' then 1 else 0 end) > 0

),

final as (

    select
        gathered.cart_id,
        gathered.customer_id,
        checkouts.checkout_id,
        coalesce(orders.order_id, gathered.order_id) as order_id,
        gathered.source,
        case
            when coalesce(orders.ordered_at, gathered.ordered_at) is not null then 'ordered'
            when coalesce(checkouts.checkout_at, gathered.checkout_at) is not null then 'checkout'
            else 'open'
        end as status,
        case when gathered.currency_count = 1 then gathered.currency_code end as currency_code,
        {{ money('case when gathered.currency_count = 1 then gathered.value_amount end', 18) }} as value_amount,
        {{ money(
            'case when gathered.currency_count = 1 then gathered.value_amount end * rates.rate_to_reporting', 18
        ) }} as value_amount_reporting,
        '{{ var('reporting_currency', 'EUR') | upper }}' as reporting_currency,
        cast(gathered.product_count as bigint) as product_count,
        cast(gathered.added_count as bigint) as added_count,
        cast(gathered.removed_count as bigint) as removed_count,
        gathered.occurred_at,
        gathered.last_activity_at,
        coalesce(checkouts.checkout_at, gathered.checkout_at) as checkout_at,
        coalesce(orders.ordered_at, gathered.ordered_at) as ordered_at
    from gathered
    left join checkouts on gathered.cart_id = checkouts.cart_id
    left join orders on gathered.cart_id = orders.cart_id
    left join rates on gathered.currency_code = rates.currency_code

)

select * from final
