{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{#- Where user agents stand (source, entity, column): of each staging model that joins stg_lookups__user_agents. -#}
{%- set places = [
    ('segment', 'identifies', 'context_user_agent'),
    ('segment', 'tracks', 'context_user_agent'),
    ('segment', 'pages', 'context_user_agent'),
    ('snowplow', 'events', 'useragent'),
] -%}

with arrived as (

    {% for source_name, entity, column in places -%}
        select
            {{ column }} as user_agent,
            _loaded_at as loaded_at
        from {{ source(source_name, entity) }}
        where
            {{ column }} is not null
        {%- if is_incremental() %}
                -- What arrived before the newest known value was read together with it.
                and _loaded_at >= {{ watermark(this, 'first_loaded_at') }}
            {%- endif %}
        {%- if not loop.last %}
            union all
        {% endif %}
    {%- endfor %}

),

final as (

    select
        arrived.user_agent,
        min(arrived.loaded_at) as first_loaded_at
    from
        arrived
    {%- if is_incremental() %}
        left join {{ this }} as known on arrived.user_agent = known.user_agent
        where known.user_agent is null
    {%- endif %}
    group by 1

)

select * from final
