{# A text without blanks at its ends; null where nothing is left. Cheap, as it runs on every text of every record. #}
{% macro clean_text(expression) -%}
    nullif(trim({{ expression }}), '')
{%- endmacro %}
