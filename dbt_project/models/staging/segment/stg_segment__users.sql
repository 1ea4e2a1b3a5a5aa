with source as (

    select * from {{ source('segment', 'users') }}

),

final as (

    select
        source.id as user_id,
        {{ normalize_email('source.email') }} as email,
        {{ phone_text('source.phone') }} as phone,
        {{ clean_text('source.first_name') }} as first_name,
        {{ clean_text('source.last_name') }} as last_name,
        {{ parse_birth_date('source.birthday', 'source._loaded_at') }} as birth_date,
        cast(source._extra as {{ dbt.type_string() }}) as properties,
        source.received_at,
        {{ record_state() }}
    from source

)

select * from final
