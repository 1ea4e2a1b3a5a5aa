{#
    grain: one row per ticket; key: ticket_id
    why here: a ticket's latest rating becomes its score; customer_id is joined in the marts
#}
with tickets as (

    select * from {{ ref('stg_zendesk__tickets') }}
    where is_current and not is_deleted

),

ratings as (

    select *
    from {{ ref('stg_zendesk__satisfaction_ratings') }}
    where
        is_current
        and not is_deleted
        -- An offer to rate that nobody answered is no score.
        and lower(score) in ('good', 'bad')
    qualify
        row_number() over (partition by ticket_id order by created_at desc, rating_id desc) = 1

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}
    where identifier_type = 'zendesk_user_id'

),

final as (

    select
        cast(tickets.ticket_id as {{ dbt.type_string() }}) as ticket_id,
        identifiers.identifier_no,
        'zendesk' as source,
        tickets.subject,
        lower(tickets.status) as status,
        lower(tickets.priority) as priority,
        lower(tickets.channel) as channel,
        lower(ratings.score) as score,
        lower(tickets.status) in ('solved', 'closed') as is_closed,
        tickets.created_at is null as is_occurred_at_estimated,
        coalesce(tickets.created_at, tickets.updated_at, tickets.loaded_at) as occurred_at,
        case
            when lower(tickets.status) in ('solved', 'closed') then tickets.updated_at
        end as closed_at,
        tickets.loaded_at
    from tickets
    left join ratings on tickets.ticket_id = ratings.ticket_id
    left join identifiers
        on cast(tickets.requester_id as {{ dbt.type_string() }}) = identifiers.identifier_value

)

select * from final
