{#
    A JSON array of {key, value: {string_value, int_value, float_value, double_value}}, in which
    Google's exports write parameters, as an array that keyed_value reads. Null where the text is
    not such an array.
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
