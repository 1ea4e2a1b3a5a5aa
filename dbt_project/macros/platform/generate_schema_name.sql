{#
    A folder's schema has the folder's configured name in every target: readers rely on
    `marts.dim_customers`, never `main_marts.dim_customers`.
#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
