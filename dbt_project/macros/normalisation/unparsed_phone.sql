{# The value if it is a text of phone_text, as cnf_lookups__phone_numbers has it; otherwise null. #}
{% macro unparsed_phone(is_phone, value) -%}
    case when {{ is_phone }} and position('|' in {{ value }}) > 0 then {{ value }} end
{%- endmacro %}
