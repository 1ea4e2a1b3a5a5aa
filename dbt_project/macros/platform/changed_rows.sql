{#
    A table of which a build writes only the rows that changed: it evaluates the model as a whole
    and compares the rows with those of the table by a hash of all columns. So the result is that of
    `table`, whatever changed: rows, seeds, vars, code. It pays where writing takes longer than
    computing.
    An engine other than DuckDB writes the whole table.
    The comment of the table says from which code and columns it was built. The whole table is
    written again if these differ, on a full refresh, and where the table has two equal rows. The
    rows of a model must differ from each other: its key is tested.
#}
{% materialization changed_rows, default %}
    {%- set own = 'materialization_table_' ~ adapter.type() -%}
    {{ return(context.get(own, context['materialization_table_default'])()) }}
{% endmaterialization %}

{% materialization changed_rows, adapter='duckdb' %}
    {%- set definition = _definition_of_table() -%}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- set columns = _comparable_columns(existing_relation, definition) -%}
    {%- set known_rows = this.identifier ~ '__known_rows' -%}
    {%- set differences = this.identifier ~ '__differences' -%}
    {%- if columns -%}
        {%- call statement('known_rows') -%}
            create or replace temporary table {{ known_rows }} as
            select
                rowid as known_row,
                hash({{ columns }}) as row_hash
            from {{ this }}
        {%- endcall -%}
        {%- set equal_rows = run_query(
            'select row_hash from ' ~ known_rows ~ ' group by 1 having count(*) > 1 limit 1'
        ).rows | length -%}
        {%- if equal_rows -%}
            {%- set columns = none -%}
            {%- do run_query('drop table ' ~ known_rows) -%}
        {%- endif -%}
    {%- endif -%}

    {%- if not columns -%}
        {%- set relations = materialization_table_duckdb() -%}
        {%- call statement('definition') -%}
            comment on table {{ this }} is '{{ definition }}'
        {%- endcall -%}
        {%- do adapter.commit() -%}
        {{ return(relations) }}
    {%- endif -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- call statement('main') -%}
        create or replace temporary table {{ differences }} as
        select
            current_rows.*,
            known_rows.known_row
        from (
            select
                *,
                hash({{ columns }}) as row_hash
            from (select {{ columns }} from ({{ sql }}))
        ) as current_rows
        full outer join {{ known_rows }} as known_rows on current_rows.row_hash = known_rows.row_hash
        where current_rows.row_hash is null or known_rows.row_hash is null;

        delete from {{ this }} where rowid in (select known_row from {{ differences }} where known_row is not null);

        insert into {{ this }} ({{ columns }})
        select {{ columns }} from {{ differences }} where known_row is null;
    {%- endcall -%}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {%- call statement('drop_differences') -%}
        drop table {{ differences }};
        drop table {{ known_rows }};
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({'relations': [this.incorporate(type='table')]}) }}
{% endmaterialization %}

{# What the table depends on beside its rows: code, and the declared columns with constraints. #}
{% macro _definition_of_table() -%}
    {%- set columns = [] -%}
    {%- for column in model.columns.values() -%}
        {%- do columns.append([column.name, column.data_type, column.constraints | string]) -%}
    {%- endfor -%}
    {{ return(local_md5(model.raw_code ~ columns ~ model.constraints)) }}
{%- endmacro %}

{#
    The columns of an existing table, quoted, if the model selects the same with the same types. Then
    it also fulfils its contract, as the table did when it was built from the same declarations.
#}
{% macro _comparable_columns(existing_relation, definition) -%}
    {%- if existing_relation is none or not existing_relation.is_table or should_full_refresh() -%}{{ return(none) }}{%- endif -%}
    {%- set comments = run_query(
        "select comment from duckdb_tables() where database_name = '" ~ existing_relation.database
        ~ "' and schema_name = '" ~ existing_relation.schema ~ "' and table_name = '" ~ existing_relation.identifier ~ "'"
    ) -%}
    {%- if comments.rows[0][0] != definition -%}{{ return(none) }}{%- endif -%}
    {%- set known = {} -%}
    {%- for row in run_query('describe ' ~ existing_relation).rows -%}{%- do known.update({row[0]: row[1]}) -%}{%- endfor -%}
    {%- set current = {} -%}
    {%- for row in run_query('describe ' ~ sql).rows -%}{%- do current.update({row[0]: row[1]}) -%}{%- endfor -%}
    {{ return(known.keys() | map('tojson') | join(', ') if known == current else none) }}
{%- endmacro %}
