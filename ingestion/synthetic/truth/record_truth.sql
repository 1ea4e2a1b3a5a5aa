-- The person of each record, including records that arrive after the written window. person_id is
-- null for crawlers. A web event belongs to the person at the device, an order to the person who
-- paid. The many ids of web events become text only after the sort, which then moves only numbers.
with owned as (
    select source, entity, record_no as sort_key, record_id, null as kind, person_no from records where source <> 'shop'
    union all
    select 'shopify', 'order', order_no, order_id(order_no), null, account_no from orders
    union all
    select 'shopify', 'abandoned_checkout', visit_no, cast(29000000000000 + visit_no as varchar), null, account_no
    from visits
    where (outcome = 'checkout' or recovered_after is not null) and place <> 'store'
    union all
    select 'hubspot', 'deals', deal_key, deal_id, null, person_no from deals
    union all
    select 'hubspot', 'calls', contact_no * 64 + turn, call_id, null, person_no from calls
    union all
    select 'zendesk', 'ticket', record_no * 64 + turn, ticket_id, null, person_no from tickets
    union all
    select 'klaviyo', 'event', message_key * 8 + metric_no, left(token(concat('message ', metric_no), message_key), 20), null, person_no from messages
    union all
    select 'consent_banner', 'decisions', decision_no, left(token('decision', decision_no), 24), null, person_no from consent_decisions
    union all
    select 'segment', 'pages', event_no, null, 'page', person_no from web_events where step in (1, 3, 4, 6, 8, 9)
    union all
    select 'segment', 'tracks', event_no, null, 'track', person_no from web_events where step in (2, 4, 5, 8, 9)
    union all
    select 'segment', 'identifies', event_no, null, 'identify', person_no from web_events where step in (2, 7)
),

sorted as (
    select *
    from owned
    order by source, entity, sort_key
)

select
    source, entity,
    coalesce(record_id, message_id(kind, sort_key)) as record_id,
    visitor_id(person_no) as person_id,
from sorted
