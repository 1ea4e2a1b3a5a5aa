{{ config(materialized='view') }}
{#
    grain: one row per engagement that is not deleted; key: engagement_type, engagement_id
    rebuild: a view over staging
#}
{#- Staging columns of each kind of engagement beside its timestamp; a missing one is null. -#}
{%- set kinds = {
    'call': {'direction': 'direction', 'status': 'disposition', 'duration_seconds': 'duration_seconds'},
    'email': {'direction': 'direction', 'status': 'status', 'subject': 'subject'},
    'meeting': {'status': 'status', 'subject': 'subject', 'duration_seconds': 'duration_seconds'},
    'note': {},
    'task': {'status': 'status', 'subject': 'subject'},
} -%}
with

final as (

    {{ state_engagements('hubspot', kinds) }}

)

select * from final
