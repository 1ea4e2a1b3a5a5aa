{#
    A text in which a letter and its accent are one character where Unicode has one (form C). Spark
    has no function for this and leaves the text as it is.
#}
{% macro compose_letters(expression) -%}
    {{ return(adapter.dispatch('compose_letters', 'merganser')(expression)) }}
{%- endmacro %}

{% macro default__compose_letters(expression) -%}
    nfc_normalize({{ expression }})
{%- endmacro %}

{% macro spark__compose_letters(expression) -%}
    {{ expression }}
{%- endmacro %}
