with

api as (

    select * from {{ ref('base_hubspot__tasks_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__tasks_fivetran') }}

),

final as (

    {{ union_loaders(
        ['api', 'fivetran'], ['task_id'], [
            'task_id', 'owner_id', 'task_kind', 'status', 'subject', 'body', 'occurred_at'
        ],
    ) }}

)

select * from final
