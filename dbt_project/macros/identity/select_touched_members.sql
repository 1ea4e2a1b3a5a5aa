{#
    The members of all raw components that a change touches, with their previous state: (node,
    old_component_no, old_customer_no, end_no, is_reopened, cause_rank).
    A component that lost evidence is re-opened: each member becomes its own end. A component that
    only gained evidence stays whole: all its members have its number as their end, so that nothing
    is joined twice. New nodes are their own ends. A pair that changed and never joined re-opens
    nothing. cause_rank: of the changes to the node or to its old component.
    The partition is long, so changes are looked up in it once.
#}
{% macro select_touched_members(partition, nodes, pairs, known) -%}
    with

    changed_nodes as (

        select
            identifier_no as node,
            has_customer,
            cause_rank
        from {{ nodes }}
        where revision_no > {{ known['nodes'] }}

    ),

    changed_pairs as (

        select
            identifier_no_a,
            identifier_no_b,
            is_joining,
            cause_rank
        from {{ pairs }} as pairs
        where revision_no > {{ known['pairs'] }}

    ),

    known_nodes as (

        select
            members.identifier_no as node,
            members.component_no
        from {{ partition }} as members
        inner join (
            select node from changed_nodes
            union
            select identifier_no_a as node from changed_pairs
            union
            select identifier_no_b as node from changed_pairs
        ) as changed
            on members.identifier_no = changed.node

    ),

    touched_by_pairs as (

        select
            first_nodes.component_no as component_no_a,
            second_nodes.component_no as component_no_b,
            changed_pairs.cause_rank,
            case
                when not changed_pairs.is_joining and first_nodes.component_no = second_nodes.component_no then 1
                else 0
            end as reopens
        from changed_pairs
        left join known_nodes as first_nodes on changed_pairs.identifier_no_a = first_nodes.node
        left join known_nodes as second_nodes on changed_pairs.identifier_no_b = second_nodes.node

    ),

    touched as (

        select
            known_nodes.component_no,
            changed_nodes.cause_rank,
            case when changed_nodes.has_customer then 0 else 1 end as reopens
        from changed_nodes
        inner join known_nodes on changed_nodes.node = known_nodes.node

        union all

        select component_no_a as component_no, cause_rank, reopens from touched_by_pairs

        union all

        select component_no_b as component_no, cause_rank, reopens from touched_by_pairs

    ),

    components as (

        select
            component_no,
            min(cause_rank) as cause_rank,
            max(reopens) as reopens
        from touched
        where component_no is not null
        group by 1

    ),

    gone as (

        select node from changed_nodes where not has_customer

    )

    select
        members.identifier_no as node,
        members.component_no as old_component_no,
        members.customer_no as old_customer_no,
        case when components.reopens = 1 then members.identifier_no else members.component_no end as end_no,
        components.reopens = 1 as is_reopened,
        components.cause_rank
    from {{ partition }} as members
    inner join components on members.component_no = components.component_no
    left join gone on members.identifier_no = gone.node
    where gone.node is null

    union all

    select
        changed_nodes.node,
        cast(null as bigint) as old_component_no,
        cast(null as bigint) as old_customer_no,
        changed_nodes.node as end_no,
        true as is_reopened,
        changed_nodes.cause_rank
    from changed_nodes
    left join known_nodes on changed_nodes.node = known_nodes.node
    where changed_nodes.has_customer and known_nodes.node is null
{%- endmacro %}
