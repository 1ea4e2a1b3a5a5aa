with source as (

    select * from {{ source('hubspot', 'pipelines_deals') }}

),

final as (

    select
        source.id as pipeline_id,
        {{ clean_text('source.label') }} as pipeline_name,
        source.display_order,
        source.created_at,
        source.updated_at,
        {{ record_state("source.archived", updated_at='source.updated_at') }}
    from source

)

select * from final
