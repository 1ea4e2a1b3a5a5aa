{#
    A text without blanks at its ends; null where nothing remains. It runs on every text of every
    record, so it must be cheap.
#}
{% macro clean_text(expression) -%}
    nullif(trim({{ expression }}), '')
{%- endmacro %}
