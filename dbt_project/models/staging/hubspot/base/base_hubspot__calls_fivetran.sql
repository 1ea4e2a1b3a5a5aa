with source as (

    select * from {{ source('hubspot_fivetran', 'engagement_call') }}

),

final as (

    select
        source.engagement_id as call_id,
        {{ clean_text('source.property_hubspot_owner_id') }} as owner_id,
        lower({{ clean_text('source.property_hs_call_direction') }}) as direction,
        {{ clean_text('source.property_hs_call_disposition') }} as disposition,
        {{ clean_text('source.property_hs_call_body') }} as body,
        {{ try_cast_to('floor(source.property_hs_call_duration / 1000.0)', 'bigint') }} as duration_seconds,
        coalesce(source.property_hs_timestamp, source.property_hs_createdate) as occurred_at,
        {{ record_state("source._fivetran_deleted", updated_at='source.property_hs_lastmodifieddate') }}
    from source

)

select * from final
