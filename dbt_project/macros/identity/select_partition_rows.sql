{#
    Rows (identifier_no, component_no, customer_no, cause_rank) as the partition keeps them, with the revisions that they rest on: those
    that known_revisions saw, or else the latest of nodes and pairs.
#}
{% macro select_partition_rows(rows, nodes, pairs, known=none) -%}
    with

    revisions as (

        select
            {% if known %}
            {{ known['latest_nodes'] }} as nodes_revision_no,
            {{ known['latest_pairs'] }} as pairs_revision_no
            {% else %}
            (select coalesce(max(revision_no), 0) from {{ nodes }}) as nodes_revision_no,
            (select coalesce(max(revision_no), 0) from {{ pairs }} as pairs) as pairs_revision_no
            {% endif %}

    )

    select
        cast(rows.identifier_no as bigint) as identifier_no,
        cast(rows.component_no as bigint) as component_no,
        cast(rows.customer_no as bigint) as customer_no,
        cast(rows.cause_rank as integer) as cause_rank,
        cast(revisions.nodes_revision_no as bigint) as nodes_revision_no,
        cast(revisions.pairs_revision_no as bigint) as pairs_revision_no
    from {{ rows }} as rows
    cross join revisions
{%- endmacro %}
