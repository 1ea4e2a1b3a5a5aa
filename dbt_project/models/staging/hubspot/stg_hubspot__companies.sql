with

api as (

    select * from {{ ref('base_hubspot__companies_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__companies_fivetran') }}

),

final as (

    {{ union_loaders(
        ['api', 'fivetran'], ['company_id'], [
            'company_id', 'company_name', 'domain', 'parent_company_id', 'industry', 'city',
            'country_code', 'created_at', 'updated_at'
        ],
    ) }}

)

select * from final
