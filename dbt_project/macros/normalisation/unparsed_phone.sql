{# The value where it is a text of phone_text; null for all others, which are joined with no number and stay as they are. #}
{% macro unparsed_phone(is_phone, value) -%}
    case when {{ is_phone }} and position('|' in {{ value }}) > 0 then {{ value }} end
{%- endmacro %}
