{#
    Every member with its component and its customer, which is the smallest number among the members
    with the same label.
    components: (node, component_no, cause_rank). clusters: (node, component_no) after the size cap,
    or the components themselves where the cap held nothing back. labels: (node, label) of the
    clusters that were cut at a limit, or none.
#}
{% macro select_customers(components, clusters, labels) -%}
    {%- set is_capped = clusters != components -%}
    select
        components.node as identifier_no,
        components.component_no,
        {% if labels %}
        coalesce(anchors.customer_no, {{ 'clusters' if is_capped else 'components' }}.component_no) as customer_no,
        {% else %}
        {{ 'clusters' if is_capped else 'components' }}.component_no as customer_no,
        {% endif %}
        components.cause_rank
    from {{ components }} as components
    {% if is_capped %}
    inner join {{ clusters }} as clusters on components.node = clusters.node
    {% endif %}
    {% if labels %}
    left join {{ labels }} as labels on components.node = labels.node
    left join (
        select
            label,
            min(node) as customer_no
        from {{ labels }}
        group by 1
    ) as anchors on labels.label = anchors.label
    {% endif %}
{%- endmacro %}
