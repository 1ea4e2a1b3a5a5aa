{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, attribute) that a current record has a value for
    rebuild: a view over staging
#}
with

identifies as (

    select * from {{ ref('stg_segment__identifies') }}

),

users as (

    select * from {{ ref('stg_segment__users') }}
    where is_current and not coalesce(is_deleted, false)

),

final as (

    {{ offer_attributes(
        'identify', 'identifies', 'event_id',
        ["case when user_id is null then 'anonymous_id' else 'user_id' end",
         'coalesce(user_id, anonymous_id)'],
        'coalesce(occurred_at, loaded_at)',
        {
            'email': 'email', 'phone': 'phone', 'first_name': 'first_name', 'last_name': 'last_name',
            'birth_date': 'birth_date', 'language': 'language',
        },
        allows_matching='user_id is not null', shown_only=['language'],
    ) }}

    union all

    {# The tool's own users table repeats the traits of identify calls. #}
    {{ offer_attributes(
        'user', 'users', 'user_id', ["'user_id'", 'user_id'], 'coalesce(received_at, loaded_at)',
        {
            'email': 'email', 'phone': 'phone', 'first_name': 'first_name', 'last_name': 'last_name',
            'birth_date': 'birth_date',
        },
        allows_attributes='false',
    ) }}

)

select * from final
