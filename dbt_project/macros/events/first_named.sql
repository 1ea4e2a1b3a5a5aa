{# The name of the first column that has a value; that of the last one where none has. #}
{% macro first_named(columns) -%}
    coalesce(
        {%- for column in columns[:-1] %}
        case when {{ column }} is not null then '{{ column }}' end,
        {%- endfor %}
        '{{ columns[-1] }}'
    )
{%- endmacro %}
