with source as (

    select * from {{ source('hubspot', 'tasks') }}

),

final as (

    select
        source.id as task_id,
        {{ clean_text('source.hubspot_owner_id') }} as owner_id,
        lower({{ clean_text('source.hs_task_type') }}) as task_kind,
        lower({{ clean_text('source.hs_task_status') }}) as status,
        {{ clean_text('source.hs_task_subject') }} as subject,
        {{ clean_text('source.hs_task_body') }} as body,
        source.hs_timestamp as occurred_at,
        {{ record_state("source.is_deleted", updated_at='source.hs_lastmodifieddate') }}
    from source

)

select * from final
