with source as (

    select * from {{ source('klaviyo', 'list_member') }}

),

final as (

    select
        source.list_id,
        source.id as person_id,
        {{ record_state() }}
    from source

)

select * from final
