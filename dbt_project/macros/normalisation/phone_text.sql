{# A phone as the lookup keys it: trimmed, and null where it holds no digit. #}
{% macro phone_text(expression) -%}
    case when {{ matches_pattern(expression, "'[0-9]'") }} then trim({{ expression }}) end
{%- endmacro %}
