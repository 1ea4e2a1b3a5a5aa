with source as (

    select * from {{ source('hubspot_fivetran', 'deal_pipeline') }}

),

final as (

    select
        source.pipeline_id,
        {{ clean_text('source.label') }} as pipeline_name,
        source.display_order,
        source.created_at,
        source.updated_at,
        {{ record_state("source._fivetran_deleted", updated_at='source.updated_at') }}
    from source

)

select * from final
