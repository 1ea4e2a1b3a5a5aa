{# A group of a regular expression's first match, or null where nothing matches. #}
{% macro extract_pattern(expression, pattern, group_index=1) -%}
    nullif(regexp_extract({{ expression }}, {{ pattern }}, {{ group_index }}), '')
{%- endmacro %}
