{# True where the text is valid JSON of any kind; null for null. #}
{% macro is_json(expression) -%}
    {{ return(adapter.dispatch('is_json', 'merganser')(expression)) }}
{%- endmacro %}

{% macro default__is_json(expression) -%}
    json_valid({{ expression }})
{%- endmacro %}

{% macro spark__is_json(expression) -%}
    (get_json_object({{ expression }}, '$') is not null)
{%- endmacro %}
