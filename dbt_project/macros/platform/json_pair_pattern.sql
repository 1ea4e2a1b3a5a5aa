{# An SQL literal: the pattern of a field with a plain value in a JSON text, at any depth. #}
{% macro json_pair_pattern() -%}
    {%- set text = '"(?:[^"\\\\]|\\\\.)*"' -%}
    '{{ text }}\s*:\s*(?:{{ text }}|-?[0-9][-+0-9.eE]*|true|false)'
{%- endmacro %}
