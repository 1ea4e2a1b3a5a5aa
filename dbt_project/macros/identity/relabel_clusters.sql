{#
    Replaces labels (node, label) by the roots (node, root) that their clusters were merged into.
    Returns the name of the new table.
#}
{% macro relabel_clusters(labels, roots, name) -%}
    {%- set relabelled -%}
        select
            labels.node,
            coalesce(roots.root, labels.label) as label
        from {{ labels }} as labels
        left join {{ roots }} as roots on labels.label = roots.node
    {%- endset -%}
    {{ return(create_scratch(name, relabelled)) }}
{%- endmacro %}
