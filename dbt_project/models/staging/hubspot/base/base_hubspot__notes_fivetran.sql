with source as (

    select * from {{ source('hubspot_fivetran', 'engagement_note') }}

),

final as (

    select
        source.engagement_id as note_id,
        {{ clean_text('source.property_hubspot_owner_id') }} as owner_id,
        {{ clean_text('source.property_hs_note_body') }} as body,
        coalesce(source.property_hs_timestamp, source.property_hs_createdate) as occurred_at,
        {{ record_state("source._fivetran_deleted", updated_at='source.property_hs_lastmodifieddate') }}
    from source

)

select * from final
