{{ config(materialized='changed_rows') }}
{#
    grain: one row per (record_type, record_id, own identifier, identifier), also of deleted records
    rebuild: full table
    why here: the lookup of phones reads it too; as a table, events are scanned once
#}
with

identifies as (

    select * from {{ ref('stg_segment__identifies') }}

),

aliases as (

    select * from {{ ref('stg_segment__aliases') }}

),

users as (

    select * from {{ ref('stg_segment__users') }}

),

user_agents as (

    select * from {{ ref('cnf_lookups__user_agents') }}

),

visits as (

    select
        user_id,
        anonymous_id,
        user_agent,
        occurred_at,
        loaded_at
    from {{ ref('stg_segment__tracks') }}

    union all

    select
        user_id,
        anonymous_id,
        user_agent,
        occurred_at,
        loaded_at
    from {{ ref('stg_segment__pages') }}

),

events as (

    select visits.*
    from visits
    left join user_agents on visits.user_agent = user_agents.user_agent
    where not coalesce(user_agents.is_bot, false)

),

{# An alias call may also name the former id of an account: it is known as an account's id. #}
accounts as (

    select
        user_id,
        min(loaded_at) as first_loaded_at
    from (
        select
            user_id,
            loaded_at
        from identifies

        union all

        select
            user_id,
            loaded_at
        from aliases

        union all

        select
            user_id,
            loaded_at
        from visits

        union all

        select
            user_id,
            loaded_at
        from users
    ) as seen
    where user_id is not null
    group by 1

),

{# Known from when both the call and the account had arrived, so that identifiers keep their numbers. #}
account_aliases as (

    select
        aliases.user_id,
        aliases.previous_id,
        greatest(aliases.loaded_at, accounts.first_loaded_at) as loaded_at,
        aliases.occurred_at
    from aliases
    inner join accounts on aliases.previous_id = accounts.user_id
    where aliases.user_id <> aliases.previous_id

),

final as (

    {{ name_identifiers(
        'identify', 'identifies', "coalesce(user_id, '') || '|' || coalesce(anonymous_id, '')",
        {'user_id': 'user_id', 'anonymous_id': 'anonymous_id'},
        [['email', 'email'], ['phone', 'phone'], ['user_id', 'user_id'], ['anonymous_id', 'anonymous_id']],
        first_seen_at='occurred_at', last_seen_at='occurred_at', is_grouped=true,
    ) }}

    union all

    {{ name_identifiers(
        'sign_in', 'events', "coalesce(user_id, '') || '|' || coalesce(anonymous_id, '')",
        {'user_id': 'user_id', 'anonymous_id': 'anonymous_id'},
        [['user_id', 'user_id'], ['anonymous_id', 'anonymous_id']],
        first_seen_at='occurred_at', last_seen_at='occurred_at', is_grouped=true,
    ) }}

    union all

    {{ name_identifiers(
        'alias', 'aliases', "coalesce(user_id, '') || '|' || coalesce(previous_id, '')",
        {'user_id': 'user_id'}, [['anonymous_id', 'previous_id']],
        first_seen_at='occurred_at', last_seen_at='occurred_at', is_grouped=true,
    ) }}

    union all

    {{ name_identifiers(
        'account_alias', 'account_aliases', "coalesce(user_id, '') || '|' || coalesce(previous_id, '')",
        {'user_id': 'user_id'}, [['user_id', 'previous_id']],
        first_seen_at='occurred_at', last_seen_at='occurred_at', is_grouped=true,
    ) }}

    union all

    {{ name_identifiers(
        'user', 'users', 'user_id', {'user_id': 'user_id'}, [['email', 'email'], ['phone', 'phone']],
        is_living=is_living_record('user_id'), first_seen_at='received_at', last_seen_at='received_at',
    ) }}

)

select * from final
