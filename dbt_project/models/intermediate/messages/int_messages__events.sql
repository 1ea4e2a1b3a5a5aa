{#
    grain: one row per thing that happened to a message (sent, opened, clicked, ...); key: message_event_id. One whose metric nobody
        described has no channel: missing_columns says so, and it is set aside
    why here: the sending tool's metric names become channel and event by seed; FURTHER SENDING TOOLS ENTER HERE
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

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}
    where identifier_type = 'klaviyo_person_id'

),

final as (

    select
        cast(events.message_event_id as {{ dbt.type_string() }}) as message_event_id,
        identifiers.identifier_no,
        'klaviyo' as source,
        message_metrics.channel,
        message_metrics.message_event,
        case
            when events.metric_id is null then 'metric_id'
            when metrics.metric_id is null then 'metric_id ' || events.metric_id || ' is not in klaviyo.metric'
        end as missing_columns,
        campaigns.campaign_name,
        flows.flow_name,
        coalesce(events.subject, campaign_messages.subject) as subject,
        events.occurred_at,
        events.loaded_at
    from events
    left join metrics on events.metric_id = metrics.metric_id
    left join message_metrics on metrics.metric_name = message_metrics.metric_name
    left join campaign_messages on events.message_id = campaign_messages.message_id
    -- The API names the message; of a campaign from before there were several, that is the campaign's own id.
    left join campaigns
        on
            coalesce(events.campaign_id, campaign_messages.campaign_id, events.message_id)
            = campaigns.campaign_id
    left join flows on events.flow_id = flows.flow_id
    left join identifiers
        on cast(events.person_id as {{ dbt.type_string() }}) = identifiers.identifier_value
    -- Other metrics (an order, a page seen) are no messages.
    where message_metrics.metric_name is not null or metrics.metric_id is null

)

select * from final
