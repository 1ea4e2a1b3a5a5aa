with source as (

    select * from {{ source('hubspot', 'owners') }}

),

final as (

    select
        source.id as owner_id,
        {{ normalize_email('source.email') }} as email,
        {{ clean_text('source.first_name') }} as first_name,
        {{ clean_text('source.last_name') }} as last_name,
        source.created_at,
        source.updated_at,
        {{ record_state("source.is_deleted or source.archived", updated_at='source.updated_at') }}
    from source

)

select * from final
