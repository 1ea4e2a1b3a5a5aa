{# A phone number where it is E.164; otherwise null. #}
{% macro e164_only(expression) -%}
    {{ _text_like(expression, "'^[+][1-9][0-9]{6,14}$'") }}
{%- endmacro %}
