{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}
{#
    grain: one row per distinct user agent of the events; key: user_agent
    rebuild: adds the values of events that arrived since the watermark (first_loaded_at)
#}
with events as (

    {{ union_concept('events', is_as_stated=true) }}

),

arrived as (

    select
        user_agent,
        loaded_at
    from events
    where
        user_agent is not null
        {% if is_incremental() %}
            -- Events that arrived before the newest known value have been read already.
            and loaded_at >= {{ watermark(this, 'first_loaded_at') }}
        {% endif %}

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
