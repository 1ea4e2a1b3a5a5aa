with source as (

    select * from {{ source('hubspot_fivetran', 'deal_pipeline_stage') }}

),

final as (

    select
        source.stage_id,
        source.pipeline_id,
        {{ clean_text('source.label') }} as stage_name,
        source.display_order,
        source.probability,
        source.is_closed,
        coalesce(source.closed_won, false) as is_won,
        source.created_at,
        source.updated_at,
        {{ record_state("source._fivetran_deleted", updated_at='source.updated_at') }}
    from source

)

select * from final
