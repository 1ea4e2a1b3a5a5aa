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

    {% for kind, given in kinds.items() %}
        select
            '{{ kind }}' as engagement_type,
            cast({{ kind }}_id as {{ dbt.type_string() }}) as engagement_id,
            {% for column in ['direction', 'status', 'subject'] -%}
                cast({{ given.get(column, 'null') }} as {{ dbt.type_string() }}) as {{ column }},
            {% endfor -%}
            cast({{ given.get('duration_seconds', 'null') }} as {{ dbt.type_bigint() }}) as duration_seconds,
            occurred_at,
            loaded_at
        from {{ ref('stg_hubspot__' ~ kind ~ 's') }}
        where is_current and not is_deleted
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

)

select * from final
