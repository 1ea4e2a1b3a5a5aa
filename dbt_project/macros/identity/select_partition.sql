{#
    Component and customer of every member: (identifier_no, component_no, customer_no, cause_rank), as SQL over scratch tables.
    members: (node, end_no, cause_rank); roots: (node, root) of the contraction of the edges between their ends.
#}
{% macro select_partition(members, roots, nodes, identifiers, pairs) -%}
    {%- set components = create_scratch('components', select_components(members, roots)) -%}
    {%- set clusters = cap_components(components, pairs, config.get('size_cap')) -%}
    {%- set claims = create_scratch('claims', select_claims(nodes, pairs, clusters)) -%}
    {%- set labels = cut_at_limits(identifiers, pairs, clusters, claims) if count_rows(claims) > 0 else none -%}
    {{ return(select_customers(components, clusters, labels)) }}
{%- endmacro %}
