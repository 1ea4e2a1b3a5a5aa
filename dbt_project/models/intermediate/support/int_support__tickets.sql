{#
    grain: one row per ticket; key: ticket_id
    why here: every help desk's tickets in one shape; customer_id is joined in the marts
#}
with tickets as (

    {{ union_concept('tickets') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

final as (

    select
        tickets.ticket_id,
        identifiers.identifier_no,
        tickets.source,
        tickets.subject,
        tickets.status,
        tickets.priority,
        tickets.channel,
        tickets.score,
        tickets.is_closed,
        tickets.created_at is null as is_occurred_at_estimated,
        coalesce(tickets.created_at, tickets.updated_at, tickets.loaded_at) as occurred_at,
        tickets.closed_at,
        tickets.loaded_at
    from tickets
    left join identifiers
        on
            tickets.identifier_type = identifiers.identifier_type
            and tickets.identifier_value = identifiers.identifier_value

)

select * from final
