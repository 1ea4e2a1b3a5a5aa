{{ config(materialized='view') }}
{#
    grain: one row per event and source table; key: event_id, except for messages in two tables
    rebuild: a view over the conformed events
    why here: every source's events in one shape, named by the seed event_names, with bots marked
#}
with events as (

    {{ union_concept('events') }}

),

user_agents as (

    select * from {{ ref('cnf_lookups__user_agents') }}

),

event_names as (

    select * from {{ ref('event_names') }}

),

final as (

    select
        events.event_id,
        events.identifier_type,
        events.identifier_value,
        events.source,
        events.event_type,
        coalesce(event_names.event_name, events.event_name) as event_name,
        events.source_session_id,
        events.product_id,
        events.product_category,
        events.cart_id,
        events.checkout_id,
        events.order_id,
        coalesce(events.page_path, {{ url_path('events.page_url') }}) as page_path,
        -- The site's own pages are not referrers.
        nullif({{ url_host('events.referrer_url') }}, coalesce({{ url_host('events.page_url') }}, ''))
            as referrer_domain,
        events.utm_source,
        events.utm_medium,
        events.utm_campaign,
        events.gclid,
        events.fbclid,
        events.currency_code,
        events.value_amount,
        events.quantity,
        events.properties,
        events.is_bot or coalesce(user_agents.is_bot, false) as is_bot,
        events.occurred_at,
        events.loaded_at
    from events
    left join user_agents on events.user_agent = user_agents.user_agent
    left join event_names
        on events.source = event_names.source and events.event_name = event_names.source_event_name

)

select * from final
