{# A text whose letters and accents are one character where there is one (Unicode's form C). Spark has no function for it and leaves it. #}
{% macro compose_letters(expression) -%}
    {{ return(adapter.dispatch('compose_letters', 'merganser')(expression)) }}
{%- endmacro %}

{% macro default__compose_letters(expression) -%}
    nfc_normalize({{ expression }})
{%- endmacro %}

{% macro spark__compose_letters(expression) -%}
    {{ expression }}
{%- endmacro %}
