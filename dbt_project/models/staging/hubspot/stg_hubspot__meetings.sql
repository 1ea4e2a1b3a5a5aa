with

api as (

    select * from {{ ref('base_hubspot__meetings_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__meetings_fivetran') }}

),

final as (

    {{ union_loaders(
        ['api', 'fivetran'], ['meeting_id'], [
            'meeting_id', 'owner_id', 'status', 'subject', 'body', 'internal_notes', 'location',
            'duration_seconds', 'occurred_at'
        ],
    ) }}

)

select * from final
