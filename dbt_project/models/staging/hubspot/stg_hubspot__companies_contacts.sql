with source as (

    select * from {{ source('hubspot', 'companies__contacts') }}

),

final as (

    select
        source.{{ adapter.quote('value') }} as company_id,
        source.contacts_id as contact_id,
        {{ record_state() }}
    from source

)

select * from final
