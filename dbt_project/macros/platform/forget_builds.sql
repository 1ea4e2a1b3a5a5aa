{#
    For on-run-start: deletes what is recorded about the nodes that this run is about to build or
    test. A run that is killed, that fails, or that another tool started, so leaves no record, and
    `merganser build` builds these nodes again (runtime/changes.py). Other engines have no record.
    nodes: dbt's selected_resources.
#}
{% macro forget_builds(nodes) -%}
    {{ return(adapter.dispatch('forget_builds', 'merganser')(nodes)) }}
{%- endmacro %}

{% macro default__forget_builds(nodes) -%}
    select 1 as nothing_is_recorded
{%- endmacro %}

{% macro duckdb__forget_builds(nodes) -%}
    create schema if not exists ops;
    create table if not exists ops.built_nodes (node varchar, entry varchar);
    delete from ops.built_nodes where node in ('' {%- for node in nodes %}, '{{ node }}'{% endfor %});
{%- endmacro %}
