{#
    Rows (identifier_no, component_no, customer_no, cause_rank) as the partition stores them, with
    the revisions that they were built from.
    latest: what latest_revisions returned.
#}
{% macro select_partition_rows(rows, latest) -%}
    select
        cast(rows.identifier_no as bigint) as identifier_no,
        cast(rows.component_no as bigint) as component_no,
        cast(rows.customer_no as bigint) as customer_no,
        cast(rows.cause_rank as integer) as cause_rank,
        cast({{ latest['nodes'] }} as bigint) as nodes_revision_no,
        cast({{ latest['pairs'] }} as bigint) as pairs_revision_no
    from {{ rows }} as rows
{%- endmacro %}
