{# Every node that has a customer, with the smallest number of its raw component. roots: (node, root) of contract_edges. #}
{% macro select_components(nodes, roots) -%}
    select
        nodes.identifier_no as node,
        coalesce(roots.root, nodes.identifier_no) as component_no
    from {{ nodes }} as nodes
    left join {{ roots }} as roots on nodes.identifier_no = roots.node
    where nodes.has_customer
{%- endmacro %}
