{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, attribute) that a current record has a value for
    rebuild: a view over staging
#}
with

requesters as (

    select * from {{ ref('stg_zendesk__users') }}
    where
        is_current
        and not coalesce(is_deleted, false)
        and coalesce(role, 'end-user') = 'end-user'

),

final as (

    {{ offer_attributes(
        'user', 'requesters', 'zendesk_user_id', ["'zendesk_user_id'", 'zendesk_user_id'],
        'coalesce(updated_at, created_at, loaded_at)',
        {'email': 'email', 'phone': 'phone', 'full_name': 'full_name', 'language': 'language'},
        shown_only=['language'], verified={'email': 'is_email_verified'},
    ) }}

)

select * from final
