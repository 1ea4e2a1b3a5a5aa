with

api as (

    select * from {{ ref('base_hubspot__notes_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__notes_fivetran') }}

),

final as (

    {{ union_loaders(
        ['api', 'fivetran'], ['note_id'], [
            'note_id', 'owner_id', 'body', 'occurred_at'
        ],
    ) }}

)

select * from final
