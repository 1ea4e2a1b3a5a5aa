{#
    The edges inside components that break a limit, ranked by evidence alone: (a, b, tier, near_rank, fair_rank). Both ranks are
    total and start with the tier. near_rank prefers what was seen more often, in more sources, and last; fair_rank leaves time
    out and draws lots (by the md5 of the two identifiers), because ranks that rise along a chain would join one pair per round.
#}
{% macro select_bridges(nodes, evidence, components, claims) -%}
    with

    broken as (

        select distinct component_no from {{ claims }}

    ),

    members as (

        select
            components.node,
            nodes.identifier_type || ':' || nodes.identifier_value as name
        from {{ components }} as components
        inner join broken on components.component_no = broken.component_no
        inner join {{ nodes }} as nodes on components.node = nodes.identifier_no

    ),

    named as (

        select
            evidence.identifier_no_a as a,
            evidence.identifier_no_b as b,
            evidence.tier,
            evidence.times_seen,
            evidence.source_count,
            evidence.last_seen_at,
            least(first_members.name, second_members.name) as first_name,
            greatest(first_members.name, second_members.name) as second_name
        from {{ evidence }} as evidence
        inner join members as first_members on evidence.identifier_no_a = first_members.node
        inner join members as second_members on evidence.identifier_no_b = second_members.node

    )

    select
        a,
        b,
        tier,
        row_number() over (
            order by
                tier, times_seen desc, source_count desc, last_seen_at desc, first_name, second_name
        ) as near_rank,
        row_number() over (
            order by
                tier,
                times_seen desc,
                source_count desc,
                {{ md5_hex("first_name || ' ' || second_name") }},
                first_name,
                second_name
        ) as fair_rank
    from named
{%- endmacro %}
