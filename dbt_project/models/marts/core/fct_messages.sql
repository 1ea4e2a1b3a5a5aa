{#
    grain: one row per event of a message; key: message_event_id
#}
with messages as (

    select * from {{ ref('int_messages__events') }}
    where missing_columns is null

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}

),

final as (

    select
        messages.message_event_id,
        customers.customer_id,
        messages.source,
        messages.channel,
        messages.message_event,
        messages.campaign_name,
        messages.flow_name,
        messages.bounce_type,
        messages.bounce_reason,
        messages.is_machine,
        messages.occurred_at,
        messages.loaded_at
    from messages
    left join customers on messages.identifier_no = customers.identifier_no

)

select * from final
