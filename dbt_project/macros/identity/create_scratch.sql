{#
    Writes a select into a scratch table and returns its name. It is a table and not a view, so that
    each round is read once.
#}
{% macro create_scratch(name, sql) -%}
    {%- set relation = scratch_relation(name) -%}
    {%- call statement('scratch_' ~ name) -%}
        {{ create_table_as(False, relation, sql) }}
    {%- endcall -%}
    {{ return(relation) }}
{%- endmacro %}
