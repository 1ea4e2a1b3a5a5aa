{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='identifier_no',
    post_hook="delete from {{ this }} where identifier_no not in (
        select events.identifier_no from {{ ref('int_events__events') }} as events where events.identifier_no is not null
    )"
) }}
{#
    grain: one row per session: events of one identifier without a longer pause; key: session_id
    rebuild: all sessions of identifiers with new or restated events; identifiers that have no
        events any more (a restated event may name another) are deleted; a full refresh gives the
        same rows
    why here: a late event can join two sessions or start one earlier, so sessions are not patched
#}
{% set session_gap_minutes = bounded_var('session_gap_minutes', 30, 1, 1440) %}
with events as (

    select
        *,
        case
            when coalesce(utm_source, utm_medium, utm_campaign, gclid, fbclid) is not null then 1
        end as has_campaign
    from {{ ref('int_events__events') }}
    where identifier_no is not null

),

{% if is_incremental() %}
    counted as (

        select
            identifier_no,
            count(*) as event_count,
            max(loaded_at) as loaded_at
        from events
        group by 1

    ),

    known as (

        select
            identifier_no,
            sum(event_count) as event_count,
            max(loaded_at) as loaded_at
        from {{ this }}
        group by 1

    ),

    touched as (

        select counted.identifier_no
        from counted
        left join known on counted.identifier_no = known.identifier_no
        where
            known.event_count is null
            or known.event_count <> counted.event_count
            or known.loaded_at <> counted.loaded_at

    ),

    considered as (

        select events.*
        from events
        inner join touched on events.identifier_no = touched.identifier_no

    ),
{% else %}
    considered as (

        select * from events

    ),
{% endif %}

ordered as (

    select
        *,
        row_number() over (partition by identifier_no order by occurred_at, event_id)
            as event_index,
        lag(occurred_at) over (partition by identifier_no order by occurred_at, event_id)
            as previous_occurred_at
    from considered

),

numbered as (

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
            partition by identifier_no
            order by event_index
            rows between unbounded preceding and current row
        ) as session_index
    from ordered

),

gathered as (

    select
        identifier_no,
        session_index,
        min_by(event_id, event_index) as first_event_id,
        min_by(page_path, case when page_path is not null then event_index end)
            as landing_page_path,
        min_by(referrer_domain, case when referrer_domain is not null then event_index end)
            as referrer_domain,
        -- All tags come from one event, the first that has any; '' stands for null.
        min_by(coalesce(utm_source, ''), event_index * has_campaign) as utm_source,
        min_by(coalesce(utm_medium, ''), event_index * has_campaign) as utm_medium,
        min_by(coalesce(utm_campaign, ''), event_index * has_campaign) as utm_campaign,
        min_by(coalesce(gclid, ''), event_index * has_campaign) as gclid,
        min_by(coalesce(fbclid, ''), event_index * has_campaign) as fbclid,
        count(*) as event_count,
        sum(case when event_type = 'page' then 1 else 0 end) as page_count,
        max(case when is_bot then 1 else 0 end) as bot_flag,
        min(occurred_at) as occurred_at,
        max(occurred_at) as ended_at,
        max(loaded_at) as loaded_at
    from numbered
    group by 1, 2

),

final as (

    select
        {{ md5_hex("'session:' || first_event_id") }} as session_id,
        identifier_no,
        landing_page_path,
        referrer_domain,
        nullif(utm_source, '') as utm_source,
        nullif(utm_medium, '') as utm_medium,
        nullif(utm_campaign, '') as utm_campaign,
        nullif(gclid, '') as gclid,
        nullif(fbclid, '') as fbclid,
        cast(event_count as bigint) as event_count,
        cast(page_count as bigint) as page_count,
        bot_flag = 1 as is_bot,
        occurred_at,
        ended_at,
        loaded_at
    from gathered

)

select * from final
