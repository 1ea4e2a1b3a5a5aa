with source as (

    select * from {{ source('NAME', 'customers') }}

),

final as (

    select
        source.customer_id as NAME_customer_id,
        {{ normalize_email('source.email') }} as email,
        {{ clean_text('source.first_name') }} as first_name,
        {{ clean_text('source.last_name') }} as last_name,
        source.created_at,
        source.updated_at,
        {{ record_state() }}
    from source

)

select * from final
