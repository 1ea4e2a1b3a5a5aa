{% set told = 'coalesce(source.' ~ adapter.quote('timestamp') ~ ', source.original_timestamp)' %}
with source as (

    select * from {{ source('segment', 'aliases') }}

),

final as (

    select
        source.id as event_id,
        {{ clean_text('source.anonymous_id') }} as anonymous_id,
        {{ clean_text('source.user_id') }} as user_id,
        {{ clean_text('source.previous_id') }} as previous_id,
        cast(source._extra as {{ dbt.type_string() }}) as properties,
        source.received_at,
        {{ happened_at(told, 'source.received_at') }} as occurred_at,
        source._loaded_at as loaded_at
    from source

)

select * from final
