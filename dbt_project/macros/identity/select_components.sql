{#
    Every member with the smallest number of its raw component.
    members: (node, end_no). roots: (node, root) of the contraction.
#}
{% macro select_components(members, roots) -%}
    select
        members.node,
        coalesce(roots.root, members.end_no) as component_no,
        members.cause_rank
    from {{ members }} as members
    left join {{ roots }} as roots on members.end_no = roots.node
{%- endmacro %}
