{{ config(materialized='changed_rows') }}
{#
    grain: one row per event of a message (sent, opened, clicked, ...); key: message_event_id
    why here: every sending tool's message events in one shape; customer_id is joined in the marts
#}
with messages as (

    {{ union_concept('messages') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

final as (

    select
        messages.message_event_id,
        identifiers.identifier_no,
        messages.source,
        messages.channel,
        messages.message_event,
        messages.missing_columns,
        messages.campaign_name,
        messages.flow_name,
        messages.subject,
        messages.occurred_at,
        messages.loaded_at
    from messages
    left join identifiers
        on
            messages.identifier_type = identifiers.identifier_type
            and messages.identifier_value = identifiers.identifier_value

)

select * from final
