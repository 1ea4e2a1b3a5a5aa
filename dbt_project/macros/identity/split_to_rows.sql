{# One row per part of a delimited text; stands in a select list. Null and '' give no usable part: filter them. #}
{% macro split_to_rows(expression, delimiter) -%}
    unnest(string_split({{ expression }}, '{{ delimiter }}'))
{%- endmacro %}
