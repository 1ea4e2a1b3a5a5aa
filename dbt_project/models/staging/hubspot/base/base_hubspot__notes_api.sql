with source as (

    select * from {{ source('hubspot', 'notes') }}

),

final as (

    select
        source.id as note_id,
        {{ clean_text('source.hubspot_owner_id') }} as owner_id,
        {{ clean_text('source.hs_note_body') }} as body,
        source.hs_timestamp as occurred_at,
        {{ record_state("source.is_deleted", updated_at='source.hs_lastmodifieddate') }}
    from source

)

select * from final
