{# A text without blanks, tabs and line breaks at its ends; SQL's trim removes blanks only. #}
{% macro trim_whitespace(expression) -%}
    {{ return(adapter.dispatch('trim_whitespace', 'merganser')(expression)) }}
{%- endmacro %}

{% macro default__trim_whitespace(expression) -%}
    regexp_replace({{ expression }}, '^\s+|\s+$', '', 'g')
{%- endmacro %}

{% macro spark__trim_whitespace(expression) -%}
    regexp_replace({{ expression }}, '^\\s+|\\s+$', '')
{%- endmacro %}
