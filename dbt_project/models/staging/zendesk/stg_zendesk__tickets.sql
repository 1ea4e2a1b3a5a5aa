with source as (

    select * from {{ source('zendesk', 'ticket') }}

),

final as (

    select
        source.id as ticket_id,
        {{ clean_text('source.requester_id') }} as requester_id,
        {{ clean_text('source.assignee_id') }} as assignee_id,
        {{ clean_text('source.organization_id') }} as organization_id,
        {{ clean_text('source.subject') }} as subject,
        {{ clean_text('source.description') }} as body,
        lower({{ clean_text('source.status') }}) as status,
        lower({{ clean_text('source.priority') }}) as priority,
        lower({{ clean_text('source.via_channel') }}) as channel,
        source.created_at,
        source.updated_at,
        {{ record_state("source._fivetran_deleted or lower(source.status) = 'deleted'") }}
    from source

)

select * from final
