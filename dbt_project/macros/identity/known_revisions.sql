{#
    The revisions of nodes and pairs that the existing partition was built from, as {'nodes':
    number, 'pairs': number}. None where it must be built from nothing: the table does not exist, a
    full refresh was requested, or an input was rebuilt since.
#}
{% macro known_revisions(existing_relation, latest) -%}
    {%- if existing_relation is none or not existing_relation.is_table or should_full_refresh() -%}{{ return(none) }}{%- endif -%}
    {%- set columns = adapter.get_columns_in_relation(existing_relation) | map(attribute='name') | map('lower') | list -%}
    {%- if 'pairs_revision_no' not in columns -%}{{ return(none) }}{%- endif -%}
    {%- set known = run_query(
        'select max(nodes_revision_no) as nodes_revision_no, max(pairs_revision_no) as pairs_revision_no from '
        ~ existing_relation
    ).rows[0] -%}
    {%- if known[0] is none or latest['nodes'] < known[0] or latest['pairs'] < known[1] -%}{{ return(none) }}{%- endif -%}
    {{ return({'nodes': known[0], 'pairs': known[1]}) }}
{%- endmacro %}
