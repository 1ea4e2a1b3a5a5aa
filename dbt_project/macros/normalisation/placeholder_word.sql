{#
    A value as words of the blocklist are compared: its letters and digits in lower case, so that
    `NULL` and `(null)` are equal, and `N/A` and `na`. 0 if it has none, or only zeros.
#}
{% macro placeholder_word(expression) -%}
    {%- set signs = "'[\\x00-\\x2f\\x3a-\\x60\\x7b-\\x7f\\p{Z}\\p{C}\\p{P}]+'" -%}
    {%- set letters = replace_pattern("lower(" ~ expression ~ ")", signs) -%}
    coalesce(nullif({{ replace_pattern(letters, "'^0+$'") }}, ''), '0')
{%- endmacro %}
