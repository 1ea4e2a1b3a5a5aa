with source as (

    select * from {{ source('zendesk', 'ticket_comment') }}

),

final as (

    select
        source.id as ticket_comment_id,
        {{ clean_text('source.ticket_id') }} as ticket_id,
        {{ clean_text('source.user_id') }} as author_id,
        {{ clean_text('source.body') }} as body,
        source.public as is_public,
        source.created as created_at,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
