with source as (

    select * from {{ source('klaviyo', 'metric') }}

),

final as (

    select
        source.id as metric_id,
        {{ clean_text('source.name') }} as metric_name,
        source.created as created_at,
        source.updated as updated_at,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
