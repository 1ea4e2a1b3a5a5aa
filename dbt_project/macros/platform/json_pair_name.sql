{# The name of a field that json_pair_pattern found, in snake case. #}
{% macro json_pair_name(pair) -%}
    {%- set name = extract_pattern(pair, "'^\"((?:[^\"\\\\]|\\\\.)*)\"\\s*:'") -%}
    {{ replace_pattern("lower(" ~ name ~ ")", "'[^a-z0-9_]+'", "'_'") }}
{%- endmacro %}
