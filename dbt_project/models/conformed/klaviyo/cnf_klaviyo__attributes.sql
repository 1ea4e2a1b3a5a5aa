{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, attribute) that a current record has a value for
    rebuild: a view over staging
#}
with

persons as (

    select * from {{ ref('stg_klaviyo__persons') }}
    where is_current and not coalesce(is_deleted, false)

),

final as (

    {{ offer_attributes(
        'person', 'persons', 'person_id', ["'klaviyo_person_id'", 'person_id'],
        'coalesce(updated_at, created_at, loaded_at)',
        {
            'email': 'email', 'phone': 'phone', 'first_name': 'first_name', 'last_name': 'last_name',
            'city': 'city', 'region': 'region', 'postal_code': 'postal_code',
            'country_code': 'country_code',
        },
    ) }}

)

select * from final
