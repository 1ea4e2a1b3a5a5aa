{# A phone as the key of the lookup: trimmed; null where it has no digit. #}
{% macro phone_text(expression) -%}
    case when {{ matches_pattern(expression, "'[0-9]'") }} then trim({{ expression }}) end
{%- endmacro %}
