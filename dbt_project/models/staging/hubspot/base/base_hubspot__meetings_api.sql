with source as (

    select * from {{ source('hubspot', 'meetings') }}

),

final as (

    select
        source.id as meeting_id,
        {{ clean_text('source.hubspot_owner_id') }} as owner_id,
        lower({{ clean_text('source.hs_meeting_outcome') }}) as status,
        {{ clean_text('source.hs_meeting_title') }} as subject,
        {{ clean_text('source.hs_meeting_body') }} as body,
        {{ clean_text('source.hs_internal_meeting_notes') }} as internal_notes,
        {{ clean_text('source.hs_meeting_location') }} as location,
        cast(
            {{ dbt.datediff(
                'source.hs_meeting_start_time', 'source.hs_meeting_end_time', 'second'
            ) }} as bigint
        ) as duration_seconds,
        coalesce(source.hs_meeting_start_time, source.hs_timestamp) as occurred_at,
        {{ record_state("source.is_deleted", updated_at='source.hs_lastmodifieddate') }}
    from source

)

select * from final
