{#
    The edges (a, b) between the ends of touched members: all edges of re-opened components, and
    those that changed.
#}
{% macro select_touched_edges(members, pairs, known) -%}
    select
        pairs.identifier_no_a as a,
        pairs.identifier_no_b as b
    from {{ pairs }} as pairs
    inner join {{ members }} as first_members on pairs.identifier_no_a = first_members.node
    inner join {{ members }} as second_members on pairs.identifier_no_b = second_members.node
    where
        pairs.is_joining
        and first_members.is_reopened
        and second_members.is_reopened
        and pairs.revision_no <= {{ known['pairs'] }}

    union all

    select
        first_members.end_no as a,
        second_members.end_no as b
    from {{ pairs }} as pairs
    inner join {{ members }} as first_members on pairs.identifier_no_a = first_members.node
    inner join {{ members }} as second_members on pairs.identifier_no_b = second_members.node
    where
        pairs.is_joining
        and first_members.end_no <> second_members.end_no
        and pairs.revision_no > {{ known['pairs'] }}
{%- endmacro %}
