{#
    grain: one row per (record_type, record_id, own identifier, identifier), also of deleted records
    rebuild: full table
    why here: the lookup of phones reads it too; as a table, events are scanned once
#}
with

user_agents as (

    select * from {{ ref('cnf_lookups__user_agents') }}

),

visits as (

    select * from {{ ref('stg_snowplow__events') }}
    where is_current and not is_bot

),

events as (

    select visits.*
    from visits
    left join user_agents on visits.user_agent = user_agents.user_agent
    where not coalesce(user_agents.is_bot, false)

),

final as (

    {{ name_identifiers(
        'sign_in', 'events',
        "coalesce(user_id, '') || '|' || coalesce(domain_userid, '') || '|' || coalesce(network_userid, '')",
        {'user_id': 'user_id', 'domain_userid': 'domain_userid', 'network_userid': 'network_userid'},
        [['domain_userid', 'domain_userid']],
        first_seen_at='occurred_at', last_seen_at='occurred_at', is_grouped=true,
    ) }}

    union all

    {{ name_identifiers(
        'cookie', 'events', "domain_userid || '|' || coalesce(network_userid, '')",
        {'domain_userid': 'domain_userid'}, [['network_userid', 'network_userid']],
        first_seen_at='occurred_at', last_seen_at='occurred_at', is_grouped=true,
    ) }}

)

select * from final
