{#
    grain: one row per checkout, known to the shop or only to the web; key: checkout_id
    why here: a checkout is completed if the shop says so, or if an order or an order event has its
        id or its cart
#}
with recorded as (

    select *
    from {{ ref('int_commerce__checkouts_unioned') }}
    where missing_columns is null

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

orders as (

    select * from {{ ref('int_commerce__orders') }}

),

web_events as (

    select * from {{ ref('int_events__events') }}
    where event_name in ('checkout_started', 'order_completed') and not is_bot

),

web_checkouts as (

    select *
    from web_events
    where
        event_name = 'checkout_started'
        and checkout_id is not null
        and checkout_id not in (select known.checkout_id from recorded as known)
    qualify row_number() over (partition by checkout_id order by occurred_at, event_id) = 1

),

checkouts as (

    select
        recorded.checkout_id,
        identifiers.identifier_no,
        recorded.cart_id,
        recorded.source,
        recorded.currency_code,
        recorded.total_amount,
        recorded.is_occurred_at_estimated,
        recorded.created_at as occurred_at,
        recorded.completed_at
    from recorded
    left join identifiers
        on
            recorded.identifier_type = identifiers.identifier_type
            and recorded.identifier_value = identifiers.identifier_value

    union all

    select
        checkout_id,
        identifier_no,
        cart_id,
        source,
        currency_code,
        value_amount as total_amount,
        false as is_occurred_at_estimated,
        occurred_at,
        cast(null as timestamp) as completed_at
    from web_checkouts

),

completions as (

    select
        checkout_id,
        cart_id,
        occurred_at as completed_at
    from orders
    where not is_test

    union all

    select
        checkout_id,
        cart_id,
        occurred_at as completed_at
    from web_events
    where event_name = 'order_completed'

),

completed_checkouts as (

    select
        checkout_id,
        min(completed_at) as completed_at
    from completions
    where checkout_id is not null
    group by 1

),

completed_carts as (

    select
        cart_id,
        min(completed_at) as completed_at
    from completions
    where cart_id is not null
    group by 1

),

final as (

    select
        checkouts.checkout_id,
        checkouts.identifier_no,
        checkouts.cart_id,
        checkouts.source,
        checkouts.currency_code,
        checkouts.total_amount,
        coalesce(
            checkouts.completed_at,
            completed_checkouts.completed_at,
            completed_carts.completed_at
        ) is not null as is_completed,
        checkouts.is_occurred_at_estimated,
        checkouts.occurred_at,
        coalesce(
            checkouts.completed_at,
            completed_checkouts.completed_at,
            completed_carts.completed_at
        ) as completed_at
    from checkouts
    left join completed_checkouts on checkouts.checkout_id = completed_checkouts.checkout_id
    left join completed_carts on checkouts.cart_id = completed_carts.cart_id

)

select * from final
