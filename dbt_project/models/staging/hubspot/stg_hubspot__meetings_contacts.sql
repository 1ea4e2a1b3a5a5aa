with source as (

    select * from {{ source('hubspot', 'meetings__contacts') }}

),

final as (

    select
        source.meetings_id as meeting_id,
        source.{{ adapter.quote('value') }} as contact_id,
        {{ record_state() }}
    from source

)

select * from final
