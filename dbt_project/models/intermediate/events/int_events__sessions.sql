{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key='visitor_no',
    post_hook="delete from {{ this }} where session_id not in (
        select session_events.session_id from {{ ref('int_events__session_events') }} as session_events
        where session_events.session_id is not null
    )"
) }}
{#
    grain: one row per session; key: session_id
    rebuild: all sessions of visitors with new or restated events; sessions that have no events any
        more are deleted; a full refresh gives the same rows
    why here: tags, person and counts of a session, from its events
#}
with session_events as (

    select * from {{ ref('int_events__session_events') }}
    where session_id is not null

),

considered as (

    select session_events.*
    from session_events
    {% if is_incremental() %}
        inner join (
            {{ changed_visitors('session_events', this, 'sum(event_count)') }}
        ) as changed on session_events.visitor_no = changed.visitor_no
    {% endif %}

),

events as (

    select
        considered.session_id,
        considered.visitor_no,
        considered.event_index,
        events.*,
        case
            when coalesce(events.utm_source, events.utm_medium, events.utm_campaign, events.click_id) is not null
                then 1
        end as has_campaign
    from considered
    inner join {{ ref('int_events__events') }} as events on considered.event_id = events.event_id

),

gathered as (

    select
        session_id,
        visitor_no,
        -- The person who signed in first, or else the device.
        coalesce(min_by(person_no, case when person_no is not null then event_index end), visitor_no)
            as identifier_no,
        min(source) as source,
        min_by(page_host, case when page_path is not null then event_index end) as landing_page_host,
        min_by(page_path, case when page_path is not null then event_index end)
            as landing_page_path,
        min_by(referrer_domain, case when referrer_domain is not null then event_index end)
            as referrer_domain,
        -- All tags come from one event, the first that has any; '' stands for null.
        min_by(coalesce(utm_source, ''), event_index * has_campaign) as utm_source,
        min_by(coalesce(utm_medium, ''), event_index * has_campaign) as utm_medium,
        min_by(coalesce(utm_campaign, ''), event_index * has_campaign) as utm_campaign,
        min_by(coalesce(click_id_type, ''), event_index * has_campaign) as click_id_type,
        min_by(coalesce(click_id, ''), event_index * has_campaign) as click_id,
        count(*) as event_count,
        -- A page that is known only by its pings was seen; one that is reported twice was seen once.
        count(distinct coalesce(page_view_id, case when event_type in ('page', 'screen') then event_id end))
            as page_count,
        max(case when is_bot then 1 else 0 end) as bot_flag,
        min(occurred_at) as occurred_at,
        max(occurred_at) as ended_at,
        max(loaded_at) as loaded_at
    from events
    group by 1, 2

),

named as (

    select
        session_id,
        visitor_no,
        identifier_no,
        source,
        landing_page_host,
        landing_page_path,
        referrer_domain,
        nullif(utm_source, '') as utm_source,
        nullif(utm_medium, '') as utm_medium,
        nullif(utm_campaign, '') as utm_campaign,
        nullif(click_id_type, '') as click_id_type,
        nullif(click_id, '') as click_id,
        -- The source and the medium as web analytics counts them: a referrer stands for missing tags.
        case
            when coalesce(utm_source, '') || coalesce(utm_medium, '') || coalesce(utm_campaign, '') <> ''
                then coalesce(lower(utm_source), '')
            else coalesce(referrer_domain, '')
        end as traffic_source,
        case
            when coalesce(utm_source, '') || coalesce(utm_medium, '') || coalesce(utm_campaign, '') <> ''
                then coalesce(lower(utm_medium), '')
            when referrer_domain is not null then 'referral'
            else ''
        end as traffic_medium,
        cast(event_count as bigint) as event_count,
        cast(page_count as bigint) as page_count,
        bot_flag = 1 as is_bot,
        occurred_at,
        ended_at,
        loaded_at
    from gathered

),

final as (

    select
        *,
        traffic_source || '|' || traffic_medium
        || '|' || lower(coalesce(utm_campaign, '')) || '|' || coalesce(click_id_type, '') as traffic_key
    from named

)

select * from final
