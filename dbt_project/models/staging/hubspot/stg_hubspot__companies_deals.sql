with

api as (

    select * from {{ ref('base_hubspot__companies_deals_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__companies_deals_fivetran') }}

),

final as (

    {{ union_loaders(['api', 'fivetran'], ['company_id', 'deal_id'], ['company_id', 'deal_id']) }}

)

select * from final
