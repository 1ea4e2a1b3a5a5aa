with source as (

    select * from {{ source('hubspot', 'calls__contacts') }}

),

final as (

    select
        source.calls_id as call_id,
        source.{{ adapter.quote('value') }} as contact_id,
        {{ record_state() }}
    from source

)

select * from final
