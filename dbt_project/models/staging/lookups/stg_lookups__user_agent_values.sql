{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

with arrived as (

    {% for entity in ['identifies', 'tracks', 'pages'] -%}
        select
            context_user_agent as user_agent,
            _loaded_at as loaded_at
        from {{ source('segment', entity) }}
        where
            context_user_agent is not null
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
