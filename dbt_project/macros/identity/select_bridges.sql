{#
    The edges inside components that break a limit, ranked by evidence alone: (a, b, tier,
    near_rank, fair_rank). Both ranks are total and start with the tier. near_rank prefers evidence
    that was seen more often, in more sources, and more recently. fair_rank ignores time and draws
    lots (by the md5 of the two identifiers), because ranks that rise along a chain would join one
    pair per round.
#}
{% macro select_bridges(identifiers, pairs, components, claims) -%}
    with

    broken as (

        select distinct component_no from {{ claims }}

    ),

    members as (

        select
            components.node,
            components.component_no,
            identifiers.identifier_type || ':' || identifiers.identifier_value as name
        from {{ components }} as components
        inner join broken on components.component_no = broken.component_no
        inner join {{ identifiers }} as identifiers on components.node = identifiers.identifier_no

    ),

    named as (

        select
            pairs.identifier_no_a as a,
            pairs.identifier_no_b as b,
            pairs.tier,
            pairs.times_seen,
            pairs.source_count,
            pairs.last_seen_at,
            least(first_members.name, second_members.name) as first_name,
            greatest(first_members.name, second_members.name) as second_name
        from {{ pairs }} as pairs
        inner join members as first_members on pairs.identifier_no_a = first_members.node
        inner join members as second_members
            on pairs.identifier_no_b = second_members.node
            and first_members.component_no = second_members.component_no
        where pairs.is_joining

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
