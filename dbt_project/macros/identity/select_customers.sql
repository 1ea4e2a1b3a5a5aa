{# Every node with its component and its customer: the smallest number among the nodes that carry the same label. #}
{% macro select_customers(components, labels) -%}
    with

    anchors as (

        select
            label,
            min(node) as customer_no
        from {{ labels }}
        group by 1

    )

    select
        components.node,
        components.component_no,
        coalesce(anchors.customer_no, components.component_no) as customer_no
    from {{ components }} as components
    left join {{ labels }} as labels on components.node = labels.node
    left join anchors on labels.label = anchors.label
{%- endmacro %}
