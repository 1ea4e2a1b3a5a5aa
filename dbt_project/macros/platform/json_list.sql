{#
    The rows of a group as a JSON list of objects, in the order of their first field. fields: {name:
    SQL}, the first a number.
#}
{% macro json_list(fields) -%}
    {{ return(adapter.dispatch('json_list', 'merganser')(fields)) }}
{%- endmacro %}

{% macro default__json_list(fields) -%}
    cast(to_json(list(
        struct_pack({% for name, value in fields.items() %}{{ name }} := {{ value }}{{ ', ' if not loop.last }}{% endfor %})
        order by {{ fields.values() | first }}
    )) as varchar)
{%- endmacro %}

{% macro spark__json_list(fields) -%}
    to_json(sort_array(collect_list(
        named_struct({% for name, value in fields.items() %}'{{ name }}', {{ value }}{{ ', ' if not loop.last }}{% endfor %})
    )))
{%- endmacro %}
