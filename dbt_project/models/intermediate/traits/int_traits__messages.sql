{#
    grain: one row per customer with at least one message event; key: customer_id
#}
with messages as (

    -- What a mail proxy opened or a scanner clicked, nobody has read.
    select * from {{ ref('int_messages__events') }}
    where not is_machine

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
        sum(case when messages.message_event = 'sent' then 1 else 0 end) as message_sent_count,
        sum(case when messages.message_event = 'opened' then 1 else 0 end) as message_opened_count,
        sum(case when messages.message_event = 'clicked' then 1 else 0 end)
            as message_clicked_count,
        max(case when messages.message_event = 'opened' then messages.occurred_at end)
            as last_message_opened_at
    from messages
    inner join customers on messages.identifier_no = customers.identifier_no
    group by 1

)

select * from final
