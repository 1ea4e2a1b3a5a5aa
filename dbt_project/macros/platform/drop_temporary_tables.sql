{#
    For a post-hook of an incremental Python model: drops the tables into which its runs first wrote
    their rows. dbt-duckdb creates real tables and leaves them, one per run, with personal values.
    Other engines need nothing.
#}
{% macro drop_temporary_tables(relation) -%}
    {{ return(adapter.dispatch('drop_temporary_tables', 'merganser')(relation)) }}
{%- endmacro %}

{% macro default__drop_temporary_tables(relation) -%}
{%- endmacro %}

{% macro duckdb__drop_temporary_tables(relation) -%}
    {%- if execute -%}
        {%- set found = run_query(
            "select schema_name, table_name from duckdb_tables() where starts_with(table_name, '"
            ~ relation.identifier ~ "__dbt_tmp') and not temporary"
        ) -%}
        {%- for schema, table in found.rows %}
            {%- do run_query('drop table "' ~ schema ~ '"."' ~ table ~ '"') -%}
        {%- endfor %}
    {%- endif -%}
{%- endmacro %}
