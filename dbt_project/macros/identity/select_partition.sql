{#
    Component and customer of every member: (identifier_no, component_no, customer_no, cause_rank),
    as SQL over scratch tables.
    components: (node, component_no, cause_rank).
#}
{% macro select_partition(components, nodes, identifiers, pairs) -%}
    {%- set clusters = cap_components(components, pairs, config.get('size_cap')) -%}
    {%- set claims = create_scratch('claims', select_claims(nodes, pairs, clusters)) -%}
    {%- set labels = cut_at_limits(identifiers, pairs, clusters, claims) if count_rows(claims) > 0 else none -%}
    {{ return(select_customers(components, clusters, labels)) }}
{%- endmacro %}
