{#
    For a loop: the schemas whose name starts with `prefix` and that contain a table named `table`,
    sorted by name.
#}
{% macro schemas_with_table(prefix, table) -%}
    {{ return(adapter.dispatch('schemas_with_table', 'merganser')(prefix, table)) }}
{%- endmacro %}

{% macro default__schemas_with_table(prefix, table) -%}
    {%- set found = run_query(
        "select table_schema from information_schema.tables where table_name = '" ~ table ~ "'"
        ~ " and starts_with(table_schema, '" ~ prefix ~ "') order by 1"
    ) -%}
    {{ return(found.columns[0].values()) }}
{%- endmacro %}

{# Spark's own catalog has no information_schema; its patterns know only the star. #}
{% macro spark__schemas_with_table(prefix, table) -%}
    {%- set schemas = [] -%}
    {%- for schema in run_query("show schemas like '" ~ prefix ~ "*'").columns[0].values() | sort -%}
        {%- if adapter.get_relation(none, schema, table) -%}
            {%- do schemas.append(schema) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(schemas) }}
{%- endmacro %}
