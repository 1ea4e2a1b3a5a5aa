with

api as (

    select * from {{ ref('base_hubspot__pipelines_stages_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__pipelines_stages_fivetran') }}

),

final as (

    {{ union_loaders(
        ['api', 'fivetran'], ['stage_id'], [
            'stage_id', 'pipeline_id', 'stage_name', 'display_order', 'probability', 'is_closed',
            'is_won', 'created_at', 'updated_at'
        ],
    ) }}

)

select * from final
