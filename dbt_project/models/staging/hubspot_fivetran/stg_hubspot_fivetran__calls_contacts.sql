with source as (

    select * from {{ source('hubspot_fivetran', 'engagement_contact') }}

),

final as (

    select
        source.engagement_id as call_id,
        source.contact_id,
        {{ record_state("source._fivetran_deleted") }}
    from source
    -- The table links every kind of engagement; one without a kind comes from an older connection.
    where upper(coalesce(source.engagement_type, 'CALL')) = 'CALL'

)

select * from final
