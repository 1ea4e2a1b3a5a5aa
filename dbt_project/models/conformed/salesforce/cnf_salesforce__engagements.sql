{{ config(materialized='changed_rows') }}
{#
    grain: one row per engagement that is not deleted; key: engagement_type, engagement_id
    rebuild: full table
    why here: as a view, the engine plans it in each reader for longer than it runs
#}
{#- Staging columns of each kind of engagement beside its timestamp; a missing one is null. -#}
{%- set kinds = {
    'call': {'direction': 'direction', 'status': 'disposition', 'duration_seconds': 'duration_seconds'},
    'email': {'status': 'status', 'subject': 'subject'},
    'meeting': {'subject': 'subject', 'duration_seconds': 'duration_seconds'},
    'task': {'status': 'status', 'subject': 'subject'},
} -%}
with

final as (

    {{ state_engagements('salesforce', kinds) }}

)

select * from final
