{# The value of a field that json_pair_pattern found, as text. #}
{% macro json_pair_value(pair) -%}
    {%- set value = "'[' || " ~ extract_pattern(pair, "'^\"(?:[^\"\\\\]|\\\\.)*\"\\s*:\\s*(.*)$'") ~ " || ']'" -%}
    case when {{ is_json(value) }} then {{ json_value(value, '$[0]') }} end
{%- endmacro %}
