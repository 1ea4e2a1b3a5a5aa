{#
    The value that an array of keyed_entries holds for a key, as text, whichever type it came in; the first where the key comes
    twice, null where there is none. `key` is literal text.
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
