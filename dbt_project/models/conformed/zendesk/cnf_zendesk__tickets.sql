{{ config(materialized='view') }}
{#
    grain: one row per ticket that is not deleted; key: ticket_id
    rebuild: a view over staging
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
        -- An unanswered offer to rate is not a score.
        and lower(score) in ('good', 'bad')
    qualify
        row_number() over (partition by ticket_id order by created_at desc, rating_id desc) = 1

),

final as (

    select
        cast(tickets.ticket_id as {{ dbt.type_string() }}) as ticket_id,
        'zendesk_user_id' as identifier_type,
        cast(tickets.requester_id as {{ dbt.type_string() }}) as identifier_value,
        tickets.subject,
        tickets.status,
        tickets.priority,
        tickets.channel,
        lower(ratings.score) as score,
        tickets.status in ('solved', 'closed') as is_closed,
        tickets.created_at,
        tickets.updated_at,
        case when tickets.status in ('solved', 'closed') then tickets.updated_at end as closed_at,
        tickets.loaded_at
    from tickets
    left join ratings on tickets.ticket_id = ratings.ticket_id

)

select * from final
