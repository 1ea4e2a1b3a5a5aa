{#
    The revisions of nodes and pairs that the existing partition was built from, as {'nodes': number, 'pairs': number}, and the latest
    that there are, as 'latest_nodes' and 'latest_pairs'; none where it has to be built from nothing: there is no table, a full
    refresh was asked for, or an input was made anew since.
#}
{% macro known_revisions(existing_relation, nodes, pairs) -%}
    {%- if existing_relation is none or not existing_relation.is_table or should_full_refresh() -%}{{ return(none) }}{%- endif -%}
    {%- set columns = adapter.get_columns_in_relation(existing_relation) | map(attribute='name') | map('lower') | list -%}
    {%- if 'pairs_revision_no' not in columns -%}{{ return(none) }}{%- endif -%}
    {%- set revisions = run_query(
        'select (select max(nodes_revision_no) from ' ~ existing_relation ~ ') as known_nodes,'
        ~ ' (select max(pairs_revision_no) from ' ~ existing_relation ~ ') as known_pairs,'
        ~ ' (select coalesce(max(revision_no), 0) from ' ~ nodes ~ ') as nodes_revision,'
        ~ ' (select coalesce(max(revision_no), 0) from ' ~ pairs ~ ' as pairs) as pairs_revision'
    ).rows[0] -%}
    {%- if revisions[0] is none or revisions[2] < revisions[0] or revisions[3] < revisions[1] -%}
        {{ return(none) }}
    {%- endif -%}
    {{ return({
        'nodes': revisions[0], 'pairs': revisions[1], 'latest_nodes': revisions[2], 'latest_pairs': revisions[3]
    }) }}
{%- endmacro %}
