{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, own identifier, identifier), also of deleted records
    rebuild: a view over staging
#}
with

persons as (

    select * from {{ ref('stg_klaviyo__persons') }}

),

final as (

    {{ name_identifiers(
        'person', 'persons', 'person_id', {'klaviyo_person_id': 'person_id'},
        [['email', 'email'], ['phone', 'phone']], is_living=is_living_record('person_id'),
    ) }}

)

select * from final
