{#
    The latest revisions of nodes and pairs, as {'nodes': number, 'pairs': number}; 0 where there
    are no rows.
#}
{% macro latest_revisions(nodes, pairs) -%}
    {%- set latest = run_query(
        'select (select coalesce(max(revision_no), 0) from ' ~ nodes ~ ') as nodes_revision_no,'
        ~ ' (select coalesce(max(revision_no), 0) from ' ~ pairs ~ ' as pairs) as pairs_revision_no'
    ).rows[0] -%}
    {{ return({'nodes': latest[0], 'pairs': latest[1]}) }}
{%- endmacro %}
