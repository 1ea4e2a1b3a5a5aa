{{ config(materialized='table') }}
{#
    grain: one row per distinct user agent; key: user_agent
    rebuild: full table
    why here: fragments are searched once per distinct value; events and sign-ins join the result
#}
with user_agents as (

    select * from {{ ref('cnf_lookups__user_agent_values') }}

),

fragments as (

    select * from {{ ref('bot_user_agents') }}

),

matched as (

    select
        user_agents.user_agent,
        max(case when not fragments.is_exception then 1 else 0 end) as is_named,
        max(case when fragments.is_exception then 1 else 0 end) as is_excepted
    from user_agents
    inner join fragments on position(fragments.fragment in lower(user_agents.user_agent)) > 0
    group by 1

),

final as (

    select
        user_agents.user_agent,
        coalesce(matched.is_named = 1 and matched.is_excepted = 0, false) as is_bot
    from user_agents
    left join matched on user_agents.user_agent = matched.user_agent

)

select * from final
