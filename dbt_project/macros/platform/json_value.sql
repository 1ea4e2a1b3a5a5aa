{#
    The value at a JSON path as text; null where it is absent or null. `path` is literal text, such
    as $.page.url or $[0].id.
#}
{% macro json_value(expression, path) -%}
    {{ return(adapter.dispatch('json_value', 'merganser')(expression, path)) }}
{%- endmacro %}

{% macro default__json_value(expression, path) -%}
    ({{ expression }} ->> '{{ path }}')
{%- endmacro %}

{% macro spark__json_value(expression, path) -%}
    get_json_object({{ expression }}, '{{ path }}')
{%- endmacro %}
