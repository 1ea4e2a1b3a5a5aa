with

api as (

    select * from {{ ref('base_hubspot__owners_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__owners_fivetran') }}

),

final as (

    {{ union_loaders(
        ['api', 'fivetran'], ['owner_id'], [
            'owner_id', 'email', 'first_name', 'last_name', 'created_at', 'updated_at'
        ],
    ) }}

)

select * from final
