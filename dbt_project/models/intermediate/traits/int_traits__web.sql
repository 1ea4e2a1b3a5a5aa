{#
    grain: one row per customer with at least one event; key: customer_id
    why here: events of bots do not count
#}
with events as (

    -- Counted per identifier first, so that the bridge joins identifiers and not events.
    select
        identifier_no,
        count(*) as event_count
    from {{ ref('int_events__events') }}
    where identifier_no is not null and not is_bot
    group by 1

),

sessions as (

    select * from {{ ref('int_events__sessions') }}
    where not is_bot

),

channels as (

    select * from {{ ref('int_events__session_channels') }}

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}
    where customer_id is not null

),

counted as (

    select
        customers.customer_id,
        sum(events.event_count) as event_count
    from events
    inner join customers on events.identifier_no = customers.identifier_no
    group by 1

),

visits as (

    select
        customers.customer_id,
        channels.channel,
        sessions.utm_campaign,
        sessions.occurred_at,
        sessions.ended_at,
        row_number() over (
            partition by customers.customer_id
            order by sessions.occurred_at, sessions.session_id
        ) as visit_index,
        count(*) over (partition by customers.customer_id) as session_count
    from sessions
    inner join customers on sessions.identifier_no = customers.identifier_no
    inner join channels on sessions.traffic_key = channels.traffic_key

),

touched as (

    select
        customer_id,
        max(session_count) as session_count,
        max(case when visit_index = 1 then channel end) as first_touch_channel,
        max(case when visit_index = 1 then utm_campaign end) as first_touch_campaign,
        min(occurred_at) as first_touch_at,
        max(case when visit_index = session_count then channel end) as last_touch_channel,
        max(case when visit_index = session_count then utm_campaign end) as last_touch_campaign,
        max(occurred_at) as last_touch_at,
        max(ended_at) as last_session_at
    from visits
    group by 1

),

final as (

    select
        counted.customer_id,
        counted.event_count,
        coalesce(touched.session_count, 0) as session_count,
        touched.first_touch_channel,
        touched.first_touch_campaign,
        touched.first_touch_at,
        touched.last_touch_channel,
        touched.last_touch_campaign,
        touched.last_touch_at,
        touched.last_session_at
    from counted
    left join touched on counted.customer_id = touched.customer_id

)

select * from final
