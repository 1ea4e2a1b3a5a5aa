{#
    Statements that replace rows of a table: rows whose key is in `doomed` are deleted, the rows of
    the select `rows` are inserted. Where an engine cannot delete rows of a table, the table is
    rewritten through a copy.
#}
{% macro replace_rows(target, key, doomed, rows) -%}
    {{ return(adapter.dispatch('replace_rows', 'merganser')(target, key, doomed, rows)) }}
{%- endmacro %}

{% macro default__replace_rows(target, key, doomed, rows) -%}
    {%- set kept -%}
        select kept.*
        from {{ target }} as kept
        left join {{ doomed }} as doomed on kept.{{ key }} = doomed.{{ key }}
        where doomed.{{ key }} is null

        union all

        select * from ({{ rows }}) as rows
    {%- endset -%}
    {%- set copy = create_scratch('kept', kept) -%}
    {%- do adapter.drop_relation(target) -%}
    {{ create_table_as(False, target, 'select * from ' ~ copy) }}
{%- endmacro %}

{% macro duckdb__replace_rows(target, key, doomed, rows) -%}
    delete from {{ target }} where {{ key }} in (select {{ key }} from {{ doomed }});
    insert into {{ target }} select * from ({{ rows }}) as rows
{%- endmacro %}
