{# A top-level field of a JSON text, as text; null where it is absent. #}
{% macro json_text(expression, field) -%}
    {{ return(adapter.dispatch('json_text', 'merganser')(expression, field)) }}
{%- endmacro %}

{% macro default__json_text(expression, field) -%}
    json_extract_string({{ expression }}, '$.{{ field }}')
{%- endmacro %}

{% macro spark__json_text(expression, field) -%}
    get_json_object({{ expression }}, '$.{{ field }}')
{%- endmacro %}
