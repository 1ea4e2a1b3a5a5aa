{# The value if it is a text of phone_text, as cnf_lookups__phone_numbers has it; otherwise null. #}
{% macro unparsed_phone(kind, value) -%}
    case when {{ kind }} in ('phone', 'mobile_phone') and position('|' in {{ value }}) > 0 then {{ value }} end
{%- endmacro %}
