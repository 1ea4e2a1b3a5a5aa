{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='visitor_no',
    post_hook="delete from {{ this }} where visitor_no not in (
        select coalesce(events.device_no, events.person_no) from {{ ref('int_events__events') }} as events
        where coalesce(events.device_no, events.person_no) is not null
    )"
) }}
{#
    grain: one row per event of a device or, where it names none, of a person; key: event_id
    rebuild: all events of visitors with new or restated events; visitors that have no events any
        more are deleted; a full refresh gives the same rows
    why here: a visit belongs to the device, so that a sign-in does not split it; a late event can
        join two sessions or start one earlier, so sessions are not patched
#}
{% set session_gap_minutes = bounded_var('session_gap_minutes', 30, 1, 1440) %}
with events as (

    select
        event_id,
        coalesce(device_no, person_no) as visitor_no,
        device_no,
        source,
        event_type,
        source_session_id,
        occurred_at,
        loaded_at
    from {{ ref('int_events__events') }}
    where coalesce(device_no, person_no) is not null

),

considered as (

    select events.*
    from events
    {% if is_incremental() %}
        inner join (
            {{ changed_visitors('events', this, 'count(*)') }}
        ) as changed on events.visitor_no = changed.visitor_no
    {% endif %}

),

ordered as (

    select
        *,
        row_number() over (partition by visitor_no order by occurred_at, event_id) as event_index,
        lag(occurred_at) over (partition by visitor_no order by occurred_at, event_id)
            as previous_occurred_at
    from considered

),

paused as (

    select
        *,
        sum(
            case
                when previous_occurred_at is null then 1
                when
                    previous_occurred_at
                    < {{ dbt.dateadd('minute', -session_gap_minutes, 'occurred_at') }}
                    then 1
                else 0
            end
        ) over (
            partition by visitor_no
            order by event_index
            rows between unbounded preceding and current row
        ) as visit_index
    from ordered

),

-- The tracker's own session decides where it has one. An event without it joins the tracker's
-- session that was going on in the visit, or else the first one.
followed as (

    select
        *,
        count(source_session_id) over (
            partition by visitor_no, visit_index
            order by event_index
            rows between unbounded preceding and current row
        ) as followed_index
    from paused

),

keyed as (

    select
        event_id,
        visitor_no,
        device_no,
        event_index,
        event_type,
        loaded_at,
        coalesce(
            source || '|' || coalesce(
                source_session_id,
                max(source_session_id) over (partition by visitor_no, visit_index, followed_index),
                min_by(source_session_id, case when source_session_id is not null then event_index end)
                    over (partition by visitor_no, visit_index)
            ),
            cast(visit_index as {{ dbt.type_string() }})
        ) as session_key
    from followed

),

gathered as (

    select
        *,
        min_by(event_id, event_index) over (partition by visitor_no, session_key) as first_event_id,
        max(case when device_no is not null or event_type in ('page', 'screen') then 1 else 0 end)
            over (partition by visitor_no, session_key) as is_visit
    from keyed

),

final as (

    select
        event_id,
        visitor_no,
        -- Calls of a server that name only a person are a visit if a page or screen is among them.
        case when is_visit = 1 then {{ md5_hex("'session:' || first_event_id") }} end as session_id,
        event_index,
        loaded_at
    from gathered

)

select * from final
