with source as (

    select * from {{ source('hubspot_fivetran', 'engagement_contact') }}

),

final as (

    select
        source.engagement_id as call_id,
        source.contact_id,
        {{ record_state("source._fivetran_deleted") }},
    from source
    -- The table links every kind of engagement; without a kind it is an older connection's, where the ids tell.
    where upper(coalesce(source.engagement_type, 'CALL')) = 'CALL'

)

select * from final
