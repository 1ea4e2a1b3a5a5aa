{#
    A list from dbt_project.yml as lower-case SQL literals for `in (...)`. An empty list becomes
    null, which equals nothing.
#}
{% macro lowered_list(values) -%}
    {%- for value in values -%}
        '{{ value | lower | replace("'", "''") }}'{{ ", " if not loop.last }}
    {%- else -%}
        null
    {%- endfor -%}
{%- endmacro %}
