{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, own identifier, identifier), also of deleted records
    rebuild: a view over staging
#}
with

{# Agents and administrators are not customers. #}
requesters as (

    select
        *,
        {{ is_living_record('zendesk_user_id') }} as is_living
    from {{ ref('stg_zendesk__users') }}
    where coalesce(role, 'end-user') = 'end-user'

),

final as (

    {{ name_identifiers(
        'user', 'requesters', 'zendesk_user_id', {'zendesk_user_id': 'zendesk_user_id'},
        [['email', 'email'], ['phone', 'phone']], is_living='is_living',
    ) }}

    union all

    {{ name_identifiers(
        'external_id', 'requesters', 'zendesk_user_id', {'zendesk_user_id': 'zendesk_user_id'},
        [['user_id', 'external_id']], is_living='is_living', where='external_id is not null',
    ) }}

)

select * from final
