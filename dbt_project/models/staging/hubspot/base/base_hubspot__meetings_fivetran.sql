with source as (

    select * from {{ source('hubspot_fivetran', 'engagement_meeting') }}

),

final as (

    select
        source.engagement_id as meeting_id,
        {{ clean_text('source.property_hubspot_owner_id') }} as owner_id,
        -- An older connection has these columns without the prefix.
        lower(
            coalesce({{ clean_text('source.property_hs_meeting_outcome') }}, {{ clean_text('source.meeting_outcome') }})
        ) as status,
        coalesce({{ clean_text('source.property_hs_meeting_title') }}, {{ clean_text('source.title') }}) as subject,
        coalesce({{ clean_text('source.property_hs_meeting_body') }}, {{ clean_text('source.body') }}) as body,
        {{ clean_text('source.property_hs_internal_meeting_notes') }} as internal_notes,
        {{ clean_text('source.property_hs_meeting_location') }} as location,
        cast(
            {{ dbt.datediff(
                'coalesce(source.property_hs_meeting_start_time, source.start_time)',
                'coalesce(source.property_hs_meeting_end_time, source.end_time)',
                'second'
            ) }} as bigint
        ) as duration_seconds,
        coalesce(
            source.property_hs_meeting_start_time,
            source.start_time,
            source.property_hs_timestamp,
            source.property_hs_createdate
        ) as occurred_at,
        {{ record_state("source._fivetran_deleted", updated_at='source.property_hs_lastmodifieddate') }}
    from source

)

select * from final
