{#
    The rows of a cnf_<source>__engagements model, from the staging models stg_<source>__<kind>s.
    kinds: {kind: {column of the concept: column of staging}}; a missing column is null.
#}
{% macro state_engagements(source, kinds) -%}
    {%- for kind, given in kinds.items() %}
        select
            '{{ kind }}' as engagement_type,
            cast({{ kind }}_id as {{ dbt.type_string() }}) as engagement_id,
            {% for column in ['direction', 'status', 'subject'] -%}
                cast({{ given.get(column, 'null') }} as {{ dbt.type_string() }}) as {{ column }},
            {% endfor -%}
            cast({{ given.get('duration_seconds', 'null') }} as {{ dbt.type_bigint() }}) as duration_seconds,
            occurred_at,
            loaded_at
        from {{ ref('stg_' ~ source ~ '__' ~ kind ~ 's') }}
        where is_current and not is_deleted
        {%- if not loop.last %}

        union all
        {% endif %}
    {%- endfor %}
{%- endmacro %}
