{# Several columns as one value, which is not null even where a column is: `count(distinct ...)` counts it. #}
{% macro row_of(columns) -%}
    {{ return(adapter.dispatch('row_of')(columns)) }}
{%- endmacro %}

{% macro default__row_of(columns) -%}
    row({{ columns | join(', ') }})
{%- endmacro %}

{% macro spark__row_of(columns) -%}
    struct({{ columns | join(', ') }})
{%- endmacro %}
