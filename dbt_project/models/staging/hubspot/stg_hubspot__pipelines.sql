with

api as (

    select * from {{ ref('base_hubspot__pipelines_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__pipelines_fivetran') }}

),

final as (

    {{ union_loaders(
        ['api', 'fivetran'], ['pipeline_id'], [
            'pipeline_id', 'pipeline_name', 'display_order', 'created_at', 'updated_at'
        ],
    ) }}

)

select * from final
