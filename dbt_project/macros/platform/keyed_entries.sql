{#
    A JSON array of {key, value: {string_value, int_value, float_value, double_value}}, as Google's exports write parameters, made
    an array that keyed_value reads; null where it is none.
#}
{% macro keyed_entries(expression) -%}
    {{ return(adapter.dispatch('keyed_entries', 'merganser')(expression)) }}
{%- endmacro %}

{% macro default__keyed_entries(expression) -%}
    {%- set value = '{"string_value":"VARCHAR","int_value":"VARCHAR","float_value":"VARCHAR","double_value":"VARCHAR"}' -%}
    from_json({{ expression }}, '[{"key":"VARCHAR","value":{{ value }}}]')
{%- endmacro %}

{% macro spark__keyed_entries(expression) -%}
    {%- set value = 'struct<string_value:string,int_value:string,float_value:string,double_value:string>' -%}
    from_json({{ expression }}, 'array<struct<key:string,value:{{ value }}>>')
{%- endmacro %}
