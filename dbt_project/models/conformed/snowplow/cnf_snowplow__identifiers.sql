{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, own identifier, identifier), living or not
    rebuild: a view over staging
#}
with

events as (

    select * from {{ ref('stg_snowplow__events') }}
    where is_current and not is_bot

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
