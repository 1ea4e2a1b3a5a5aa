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

final as (

    select
        sessions.session_id,
        customers.customer_id,
        sessions.identifier_no,
        sessions.landing_page_path,
        sessions.referrer_domain,
        sessions.utm_source,
        sessions.utm_medium,
        sessions.utm_campaign,
        sessions.gclid,
        sessions.fbclid,
        channels.channel,
        sessions.event_count,
        sessions.page_count,
        sessions.is_bot,
        sessions.occurred_at,
        sessions.ended_at
    from sessions
    left join customers on sessions.identifier_no = customers.identifier_no
    left join channels
        on
            coalesce(lower(sessions.utm_source), '') = channels.utm_source
            and coalesce(lower(sessions.utm_medium), '') = channels.utm_medium
            and coalesce(sessions.referrer_domain, '') = channels.referrer_domain
            and (sessions.gclid is not null) = channels.has_gclid
            and (sessions.fbclid is not null) = channels.has_fbclid

)

select * from final
