{#
    grain: one row per event; key: event_id
    rebuild: the full table, so that a merge of customers shows in all history; the stored events do
        not change
    why here: joins the event to its customer (bridge) and its session
#}
with events as (

    select * from {{ ref('int_events__events') }}

),

session_events as (

    select
        event_id,
        session_id
    from {{ ref('int_events__session_events') }}

),

rates as (

    select * from {{ ref('int_commerce__reporting_rates') }}

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
        session_events.session_id,
        events.source_session_id,
        events.product_id,
        events.cart_id,
        events.checkout_id,
        events.order_id,
        events.source,
        events.event_type,
        events.event_name,
        events.product_category,
        events.page_host,
        events.page_path,
        events.utm_source,
        events.utm_medium,
        events.utm_campaign,
        events.click_id_type,
        events.click_id,
        events.currency_code,
        events.value_amount,
        {{ money('events.value_amount * rates.rate_to_reporting', 18) }} as value_amount_reporting,
        '{{ var('reporting_currency', 'EUR') | upper }}' as reporting_currency,
        events.is_bot,
        events.occurred_at,
        events.loaded_at
    from events
    left join customers on events.identifier_no = customers.identifier_no
    left join rates on events.currency_code = rates.currency_code
    left join session_events on events.event_id = session_events.event_id

)

select * from final
