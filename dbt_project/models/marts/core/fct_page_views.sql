{#
    grain: one row per page or screen that was viewed; key: page_view_id
    rebuild: the full table, so that a merge of customers shows in all history
    why here: trackers report one view in several events (the view, again, and pings of the open page)
#}
with events as (

    select
        *,
        {{ md5_hex("source || '|' || coalesce(page_view_id, event_id)") }} as view_id,
        case when event_type in ('page', 'screen') then 0 else 1 end as is_other_event
    from {{ ref('int_events__events') }}
    where event_type in ('page', 'screen') or page_view_id is not null

),

session_events as (

    select
        event_id,
        session_id
    from {{ ref('int_events__session_events') }}

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}

),

views as (

    select
        *,
        min(occurred_at) over (partition by view_id) as first_occurred_at,
        max(occurred_at) over (partition by view_id) as last_occurred_at,
        count(*) over (partition by view_id) as event_count
    from events
    -- The view itself tells more than what follows it on the page.
    qualify row_number() over (partition by view_id order by is_other_event, occurred_at, event_id) = 1

),

final as (

    select
        views.view_id as page_view_id,
        customers.customer_id,
        views.identifier_no,
        session_events.session_id,
        views.source,
        views.page_host,
        views.page_path,
        views.page_title,
        views.referrer_domain,
        cast(views.event_count as bigint) as event_count,
        views.is_bot,
        views.first_occurred_at as occurred_at,
        views.last_occurred_at as ended_at,
        views.loaded_at
    from views
    left join session_events on views.event_id = session_events.event_id
    left join customers on views.identifier_no = customers.identifier_no

)

select * from final
