with

api as (

    select * from {{ ref('base_hubspot__deal_stages_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__deal_stages_fivetran') }}

),

deals as (

    select * from {{ ref('stg_hubspot__deals') }}
    where is_current

),

final as (

    {{ union_loaders_of_parent(
        ['api', 'fivetran'], 'deals', 'deal_id', ['deal_id', 'stage_id', 'entered_at']
    ) }}

)

select * from final
