with source as (

    select * from {{ source('zendesk', 'satisfaction_rating') }}

),

final as (

    select
        source.id as rating_id,
        {{ clean_text('source.ticket_id') }} as ticket_id,
        {{ clean_text('source.requester_id') }} as requester_id,
        lower({{ clean_text('source.score') }}) as score,
        {{ clean_text('source.comment') }} as comment,
        source.created_at,
        source.updated_at,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
