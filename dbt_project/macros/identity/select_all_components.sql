{#
    Every node that has a customer, as a row of a partition without cuts: (identifier_no,
    component_no, customer_no, cause_rank), where the customer is the raw component.
    roots: (node, root) of the contraction of all edges.
#}
{% macro select_all_components(nodes, roots) -%}
    select
        nodes.identifier_no,
        coalesce(roots.root, nodes.identifier_no) as component_no,
        coalesce(roots.root, nodes.identifier_no) as customer_no,
        nodes.cause_rank
    from {{ nodes }} as nodes
    left join {{ roots }} as roots on nodes.identifier_no = roots.node
    where nodes.has_customer
{%- endmacro %}
