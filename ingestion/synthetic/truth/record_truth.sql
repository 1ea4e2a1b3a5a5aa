-- Whose each record is, also those that arrive after the window that was written. person_id is null for what is nobody's (crawlers).
-- A web event belongs to who sat at the device, an order to who paid for it.
with owned as (
    select source, entity, record_id, person_no from records where source <> 'shop'
    union all
    select 'shopify', 'order', order_id(order_no), account_no from orders
    union all
    select 'shopify', 'abandoned_checkout', cast(29000000000000 + visit_no as varchar), account_no
    from visits
    where (outcome = 'checkout' or recovered_after is not null) and place <> 'store'
    union all
    select 'hubspot', 'deals', deal_id, person_no from deals
    union all
    select 'hubspot', 'calls', call_id, person_no from calls
    union all
    select 'zendesk', 'ticket', ticket_id, person_no from tickets
    union all
    select 'klaviyo', 'event', left(token(concat('message ', metric_no), message_key), 20), person_no from messages
    union all
    select 'consent_banner', 'decisions', left(token('decision', decision_no), 24), person_no from consent_decisions
    union all
    select 'segment', 'pages', message_id('page', event_no), person_no from web_events where step in (1, 3, 4, 6, 8, 9)
    union all
    select 'segment', 'tracks', message_id('track', event_no), person_no from web_events where step in (2, 4, 5, 8, 9)
    union all
    select 'segment', 'identifies', message_id('identify', event_no), person_no from web_events where step in (2, 7)
)

select source, entity, record_id, visitor_id(person_no) as person_id
from owned
