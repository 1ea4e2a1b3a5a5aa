with source as (

    select * from {{ source('hubspot', 'emails__contacts') }}

),

final as (

    select
        source.emails_id as email_id,
        source.{{ adapter.quote('value') }} as contact_id,
        {{ record_state() }}
    from source

)

select * from final
