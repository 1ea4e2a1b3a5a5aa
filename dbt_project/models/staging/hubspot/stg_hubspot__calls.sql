with

api as (

    select * from {{ ref('base_hubspot__calls_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__calls_fivetran') }}

),

final as (

    {{ union_loaders(
        ['api', 'fivetran'], ['call_id'], [
            'call_id', 'owner_id', 'direction', 'disposition', 'body', 'duration_seconds',
            'occurred_at'
        ],
    ) }}

)

select * from final
