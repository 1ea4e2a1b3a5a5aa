{# The first match's group of a regular expression, or null where nothing matches. #}
{% macro extract_pattern(expression, pattern, group_index=1) -%}
    nullif(regexp_extract({{ expression }}, {{ pattern }}, {{ group_index }}), '')
{%- endmacro %}
