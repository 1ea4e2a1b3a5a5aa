{#
    The identifiers that a broken limit is about: (component_no, node, limit_key, allowed_count). No
    rows where no component breaks a limit. A limit that the whole component keeps is kept by each
    part of it, so only broken ones are checked again. Two identifiers that a person keeps apart
    (pairs.is_excluded) have a limit of one of their own.
#}
{% macro select_claims(nodes, pairs, components) -%}
    with

    members as (

        select
            components.component_no,
            components.node,
            nodes.identifier_type,
            nodes.max_per_customer
        from {{ components }} as components
        inner join {{ nodes }} as nodes on components.node = nodes.identifier_no
        where nodes.max_per_customer is not null

    ),

    broken as (

        select
            component_no,
            identifier_type,
            max_per_customer
        from members
        group by 1, 2, 3
        having count(*) > max_per_customer

    ),

    kept_apart as (

        select
            pairs.identifier_no_a,
            pairs.identifier_no_b,
            first_ends.component_no
        from {{ pairs }} as pairs
        inner join {{ components }} as first_ends on pairs.identifier_no_a = first_ends.node
        inner join {{ components }} as second_ends
            on pairs.identifier_no_b = second_ends.node
            and first_ends.component_no = second_ends.component_no
        where pairs.is_excluded

    )

    select
        members.component_no,
        members.node,
        'limit:' || members.identifier_type as limit_key,
        members.max_per_customer as allowed_count
    from members
    inner join broken
        on members.component_no = broken.component_no
        and members.identifier_type = broken.identifier_type

    union all

    select
        component_no,
        identifier_no_a as node,
        'exclusion:' || identifier_no_a || ':' || identifier_no_b as limit_key,
        1 as allowed_count
    from kept_apart

    union all

    select
        component_no,
        identifier_no_b as node,
        'exclusion:' || identifier_no_a || ':' || identifier_no_b as limit_key,
        1 as allowed_count
    from kept_apart
{%- endmacro %}
