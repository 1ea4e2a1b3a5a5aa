{#
    grain: one row per session; key: session_id
    why here: joins the session to its customer (bridge) and its channel
#}
with sessions as (

    select * from {{ ref('int_events__sessions') }}

),

channels as (

    select * from {{ ref('int_events__session_channels') }}

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}

),

employees as (

    select customer_id
    from {{ ref('int_traits__golden_customers') }}
    where is_employee

),

final as (

    select
        sessions.session_id,
        customers.customer_id,
        sessions.identifier_no,
        sessions.source,
        sessions.landing_page_host,
        sessions.landing_page_path,
        sessions.referrer_domain,
        sessions.utm_source,
        sessions.utm_medium,
        sessions.utm_campaign,
        sessions.click_id_type,
        sessions.click_id,
        channels.channel,
        sessions.event_count,
        sessions.page_count,
        sessions.is_bot,
        employees.customer_id is not null as is_employee,
        sessions.occurred_at,
        sessions.ended_at
    from sessions
    left join customers on sessions.identifier_no = customers.identifier_no
    left join employees on customers.customer_id = employees.customer_id
    left join channels on sessions.traffic_key = channels.traffic_key

)

select * from final
