{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, own identifier, identifier), also of deleted records
    rebuild: a view over staging
#}
with

decisions as (

    select * from {{ ref('stg_consent_banner__decisions') }}

),

final as (

    {{ name_identifiers(
        'decision', 'decisions',
        "coalesce(user_id, '') || '|' || coalesce(anonymous_id, '') || '|' || coalesce(email, '')",
        {'user_id': 'user_id', 'anonymous_id': 'anonymous_id', 'email': 'email'},
        [['email', 'email'], ['user_id', 'user_id'], ['anonymous_id', 'anonymous_id']],
        first_seen_at='decided_at', last_seen_at='decided_at', is_grouped=true,
    ) }}

)

select * from final
