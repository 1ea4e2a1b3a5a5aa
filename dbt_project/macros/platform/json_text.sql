{# The text of one field of a JSON object; null where it has none. #}
{% macro json_text(expression, field) -%}
    {{ return(adapter.dispatch('json_text')(expression, field)) }}
{%- endmacro %}

{% macro default__json_text(expression, field) -%}
    json_extract_string({{ expression }}, '$.{{ field }}')
{%- endmacro %}

{% macro spark__json_text(expression, field) -%}
    get_json_object({{ expression }}, '$.{{ field }}')
{%- endmacro %}
