{#
    grain: one row per event; key: event_id
    rebuild: the full table, so that a merge of customers shows in all history; the stored events do
        not change
    why here: joins the event to its customer (bridge) and its session
#}
with events as (

    select * from {{ ref('int_events__events') }}

),

sessions as (

    select * from {{ ref('int_events__sessions') }}

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}

),

final as (

    select
        events.event_id,
        customers.customer_id,
        events.identifier_no,
        sessions.session_id,
        events.source_session_id,
        events.product_id,
        events.cart_id,
        events.checkout_id,
        events.order_id,
        events.source,
        events.event_type,
        events.event_name,
        events.product_category,
        events.page_path,
        events.utm_source,
        events.utm_medium,
        events.utm_campaign,
        events.gclid,
        events.fbclid,
        events.currency_code,
        events.value_amount,
        events.is_bot,
        events.occurred_at,
        events.loaded_at
    from events
    left join customers on events.identifier_no = customers.identifier_no
    -- Sessions of one identifier never overlap, so this finds at most one.
    left join sessions
        on
            events.identifier_no = sessions.identifier_no
            and events.occurred_at >= sessions.occurred_at
            and events.occurred_at <= sessions.ended_at

)

select * from final
