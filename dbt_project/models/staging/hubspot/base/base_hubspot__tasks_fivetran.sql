with source as (

    select * from {{ source('hubspot_fivetran', 'engagement_task') }}

),

final as (

    select
        source.engagement_id as task_id,
        {{ clean_text('source.property_hubspot_owner_id') }} as owner_id,
        lower({{ clean_text('source.property_hs_task_type') }}) as task_kind,
        lower({{ clean_text('source.property_hs_task_status') }}) as status,
        {{ clean_text('source.property_hs_task_subject') }} as subject,
        {{ clean_text('source.property_hs_task_body') }} as body,
        coalesce(source.property_hs_timestamp, source.property_hs_createdate) as occurred_at,
        {{ record_state("source._fivetran_deleted", updated_at='source.property_hs_lastmodifieddate') }}
    from source

)

select * from final
