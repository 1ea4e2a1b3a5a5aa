{{ config(materialized='view') }}
{#
    grain: one row per event and source table; key: event_id, except for messages in two tables
    rebuild: a view over the conformed events
    why here: every source's events in one shape, named by the seed event_names, with bots marked.
        The shop's own sites, payment pages and sign-in pages do not refer
#}
{%- set nothing = "('(not set)', '(none)', '(direct)', '(data not available)')" %}
with events as (

    {{ union_concept('events') }}

),

user_agents as (

    select * from {{ ref('cnf_lookups__user_agents') }}

),

event_names as (

    select * from {{ ref('event_names') }}

),

returning_sites as (

    select * from {{ ref('returning_sites') }}

),

hosts as (

    select
        *,
        {{ url_host('page_url') }} as page_host,
        {{ url_host('referrer_url') }} as referrer_host
    from events

),

referred as (

    select
        *,
        {{ url_site('referrer_host') }} as referrer_site
    from hosts

),

final as (

    select
        events.event_id,
        events.identifier_type,
        events.identifier_value,
        events.device_type,
        events.device_value,
        events.source,
        events.event_type,
        coalesce(event_names.event_name, events.event_name) as event_name,
        events.source_session_id,
        events.page_view_id,
        events.product_id,
        events.product_category,
        events.cart_id,
        events.checkout_id,
        events.order_id,
        events.page_host,
        coalesce(events.page_path, {{ url_path('events.page_url') }}) as page_path,
        events.page_title,
        case
            when events.referrer_host is null or events.referrer_host = events.page_host then null
            when events.referrer_site = {{ url_site('events.page_host') }} then null
            when events.referrer_site in ({{ lowered_list(var('own_domains', [])) }}) then null
            when returning_hosts.host is null and returning_sites.host is null then events.referrer_host
        end as referrer_domain,
        case when events.utm_source not in {{ nothing }} then events.utm_source end as utm_source,
        case when events.utm_medium not in {{ nothing }} then events.utm_medium end as utm_medium,
        case when events.utm_campaign not in {{ nothing }} then events.utm_campaign end as utm_campaign,
        events.click_id_type,
        events.click_id,
        events.currency_code,
        events.value_amount,
        events.quantity,
        events.properties,
        events.is_bot or coalesce(user_agents.is_bot, false) as is_bot,
        events.occurred_at,
        events.loaded_at
    from referred as events
    left join returning_sites as returning_hosts on events.referrer_host = returning_hosts.host
    left join returning_sites on events.referrer_site = returning_sites.host
    left join user_agents on events.user_agent = user_agents.user_agent
    left join event_names
        on events.source = event_names.source and events.event_name = event_names.source_event_name

)

select * from final
