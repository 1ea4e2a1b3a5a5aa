{#
    Every member with its component and its customer, the smallest number among the members that carry the same label.
    components: (node, component_no, cause_rank); clusters: (node, component_no) after the size cap; labels: (node, label) of the
    clusters that were cut at a limit, or none.
#}
{% macro select_customers(components, clusters, labels) -%}
    with

    causes as (

        select
            component_no,
            min(cause_rank) as cause_rank
        from {{ components }}
        group by 1

    ),

    {% if labels %}
    anchors as (

        select
            label,
            min(node) as customer_no
        from {{ labels }}
        group by 1

    ),

    {% endif %}
    customers as (

        select
            components.node,
            components.component_no,
            {% if labels %}
            coalesce(anchors.customer_no, clusters.component_no) as customer_no
            {% else %}
            clusters.component_no as customer_no
            {% endif %}
        from {{ components }} as components
        inner join {{ clusters }} as clusters on components.node = clusters.node
        {% if labels %}
        left join {{ labels }} as labels on components.node = labels.node
        left join anchors on labels.label = anchors.label
        {% endif %}

    )

    select
        customers.node as identifier_no,
        customers.component_no,
        customers.customer_no,
        causes.cause_rank
    from customers
    inner join causes on customers.component_no = causes.component_no
{%- endmacro %}
