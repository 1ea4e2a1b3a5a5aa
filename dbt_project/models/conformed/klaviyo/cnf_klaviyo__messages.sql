{{ config(materialized='view') }}
{#
    grain: one row per event of a message (sent, opened, clicked, ...); key: message_event_id. A
        metric without a listing has no channel: missing_columns names it, the record is set aside
    rebuild: a view over staging
    why here: the seed message_metrics maps Klaviyo's metric names to channel and event
#}
with events as (

    select * from {{ ref('stg_klaviyo__events') }}
    where is_current and not is_deleted

),

metrics as (

    select * from {{ ref('stg_klaviyo__metrics') }}
    where is_current and not is_deleted

),

campaigns as (

    select * from {{ ref('stg_klaviyo__campaigns') }}
    where is_current and not is_deleted

),

campaign_messages as (

    select * from {{ ref('stg_klaviyo__campaign_messages') }}
    where is_current

),

flows as (

    select * from {{ ref('stg_klaviyo__flows') }}
    where is_current and not is_deleted

),

message_metrics as (

    select * from {{ ref('message_metrics') }}

),

final as (

    select
        cast(events.message_event_id as {{ dbt.type_string() }}) as message_event_id,
        'klaviyo_person_id' as identifier_type,
        cast(events.person_id as {{ dbt.type_string() }}) as identifier_value,
        message_metrics.channel,
        message_metrics.message_event,
        cast(coalesce(events.message_id, events.campaign_id) as {{ dbt.type_string() }}) as message_id,
        campaigns.campaign_name,
        flows.flow_name,
        coalesce(events.subject, campaign_messages.subject) as subject,
        events.client_name,
        events.user_agent,
        events.bounce_type,
        events.bounce_reason,
        events.is_machine,
        case
            when events.metric_id is null then 'metric_id'
            when metrics.metric_id is null then 'metric_id ' || events.metric_id || ' is not in klaviyo.metric'
        end as missing_columns,
        events.occurred_at,
        events.loaded_at
    from events
    left join metrics on events.metric_id = metrics.metric_id
    left join message_metrics on metrics.metric_name = message_metrics.metric_name
    left join campaign_messages on events.message_id = campaign_messages.message_id
    -- The API names the message; for older campaigns with one message, it is the campaign's id.
    left join campaigns
        on
            coalesce(events.campaign_id, campaign_messages.campaign_id, events.message_id)
            = campaigns.campaign_id
    left join flows on events.flow_id = flows.flow_id
    -- Other metrics (an order, a page view) are not message events.
    where message_metrics.metric_name is not null or metrics.metric_id is null

)

select * from final
