{% set told = 'coalesce(source.' ~ adapter.quote('timestamp') ~ ', source.original_timestamp)' %}
with source as (

    select * from {{ source('segment', 'identifies') }}

),

final as (

    select
        source.id as event_id,
        {{ clean_text('source.anonymous_id') }} as anonymous_id,
        {{ clean_text('source.user_id') }} as user_id,
        {{ normalize_email('source.email') }} as email,
        {{ phone_text('source.phone') }} as phone,
        {{ clean_text('source.first_name') }} as first_name,
        {{ clean_text('source.last_name') }} as last_name,
        {{ parse_birth_date('source.birthday', 'source._loaded_at') }} as birth_date,
        {{ normalize_language('source.context_locale') }} as language,
        cast(source._extra as {{ dbt.type_string() }}) as properties,
        source.received_at,
        {{ happened_at(told, 'source.received_at') }} as occurred_at,
        source._loaded_at as loaded_at
    from source

)

select * from final
