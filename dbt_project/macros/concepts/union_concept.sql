{# Where no source states the concept: no rows, but columns with their types. #}
{% macro union_concept(concept) %}
    {%- set columns = concept_columns(concept) -%}
    {%- set sources = sources_of_concept(concept) -%}
    {%- for source in sources %}
        select
            '{{ source }}' as source,
            {{ columns.keys() | join(',\n            ') }}
        from {{ ref('cnf_' ~ source ~ '__' ~ concept) }}
        {%- if not loop.last %}

        union all
        {% endif %}
    {%- else %}
        select
            cast(null as {{ dbt.type_string() }}) as source
            {%- for column, type in columns.items() %},
            cast(null as {{ type }}) as {{ column }}
            {%- endfor %}
        where false
    {%- endfor -%}
{% endmacro %}
