{#
    grain: one row per (record_type, record_id, own identifier, identifier), also of deleted records
    rebuild: full table
    why here: the lookup of phones reads it too; as a table, events are scanned once
#}
with

events as (

    select * from {{ ref('stg_ga4__events') }}
    where is_current

),

final as (

    {{ name_identifiers(
        'sign_in', 'events', "coalesce(user_id, '') || '|' || coalesce(user_pseudo_id, '')",
        {'user_id': 'user_id', 'user_pseudo_id': 'user_pseudo_id'},
        [['user_pseudo_id', 'user_pseudo_id']],
        first_seen_at='occurred_at', last_seen_at='occurred_at', is_grouped=true,
    ) }}

)

select * from final
