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

    select
        identifier_no,
        count(*) as session_count,
        max(ended_at) as last_session_at
    from {{ ref('int_events__sessions') }}
    where not is_bot
    group by 1

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}
    where customer_id is not null

),

final as (

    select
        customers.customer_id,
        sum(events.event_count) as event_count,
        sum(coalesce(sessions.session_count, 0)) as session_count,
        max(sessions.last_session_at) as last_session_at
    from events
    inner join customers on events.identifier_no = customers.identifier_no
    left join sessions on events.identifier_no = sessions.identifier_no
    group by 1

)

select * from final
