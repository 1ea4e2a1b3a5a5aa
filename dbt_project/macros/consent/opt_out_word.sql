{#
    A flag that means no where it is true, as a word of consent_words: opted_out, none, or the
    original text where it is neither true nor false.
#}
{% macro opt_out_word(expression) -%}
    {%- set flag = parse_flag(expression) -%}
    case when {{ flag }} then 'opted_out' when not {{ flag }} then 'none' else nullif(trim({{ expression }}), '') end
{%- endmacro %}
