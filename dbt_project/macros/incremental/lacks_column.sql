{#
    Whether a table exists without a column, because an earlier release built it. A unit test gives
    `this` as a text: its rows have all columns.
#}
{% macro lacks_column(relation, name) -%}
    {%- set columns = [] if relation is string
        else adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') | list -%}
    {{ return(columns | length > 0 and name not in columns) }}
{%- endmacro %}
