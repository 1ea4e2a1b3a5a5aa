with

api as (

    select * from {{ ref('base_hubspot__engagements_contacts_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__engagements_contacts_fivetran') }}

),

final as (

    {{ union_loaders(
        ['api', 'fivetran'], ['engagement_type', 'engagement_id', 'contact_id'], [
            'engagement_type', 'engagement_id', 'contact_id'
        ],
    ) }}

)

select * from final
