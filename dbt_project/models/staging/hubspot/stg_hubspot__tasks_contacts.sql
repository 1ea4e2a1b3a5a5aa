with source as (

    select * from {{ source('hubspot', 'tasks__contacts') }}

),

final as (

    select
        source.tasks_id as task_id,
        source.{{ adapter.quote('value') }} as contact_id,
        {{ record_state() }}
    from source

)

select * from final
