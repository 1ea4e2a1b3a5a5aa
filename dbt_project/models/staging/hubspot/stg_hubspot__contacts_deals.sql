with

api as (

    select * from {{ ref('base_hubspot__contacts_deals_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__contacts_deals_fivetran') }}

),

final as (

    {{ union_loaders(['api', 'fivetran'], ['contact_id', 'deal_id'], ['contact_id', 'deal_id']) }}

)

select * from final
