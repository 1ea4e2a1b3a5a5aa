{#
    The value of a key in an array of keyed_entries, as text, whatever its type; the first where the
    key appears twice, null where it is missing. `key` is literal text.
#}
{% macro keyed_value(entries, key) -%}
    {{ return(adapter.dispatch('keyed_value', 'merganser')(entries, key)) }}
{%- endmacro %}

{% macro default__keyed_value(entries, key) -%}
    {%- set value = "list_filter(" ~ entries ~ ", lambda entry: entry.key = '" ~ key ~ "')[1].value" -%}
    coalesce({{ value }}.string_value, {{ value }}.int_value, {{ value }}.double_value, {{ value }}.float_value)
{%- endmacro %}

{% macro spark__keyed_value(entries, key) -%}
    {%- set value = "get(filter(" ~ entries ~ ", entry -> entry.key = '" ~ key ~ "'), 0).value" -%}
    coalesce({{ value }}.string_value, {{ value }}.int_value, {{ value }}.double_value, {{ value }}.float_value)
{%- endmacro %}
