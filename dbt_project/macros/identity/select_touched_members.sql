{#
    The members of all raw components that a change touches: (node, old_component_no, end_no, is_reopened, cause_rank).
    A component that lost evidence is re-opened: each member is an end of its own again. One that only gained is taken as a whole:
    all its members share its number as their end, so that what was joined once is not joined again. New nodes are their own ends.
    A pair that changed and never joined reopens nothing. cause_rank: of the changes to the node or to the component it was in.
#}
{% macro select_touched_members(partition, nodes, pairs, known) -%}
    with

    changed_nodes as (

        select
            nodes.identifier_no as node,
            nodes.has_customer,
            nodes.cause_rank,
            members.component_no
        from {{ nodes }} as nodes
        left join {{ partition }} as members on nodes.identifier_no = members.identifier_no
        where nodes.revision_no > {{ known['nodes'] }}

    ),

    changed_pairs as (

        select
            pairs.identifier_no_a,
            pairs.identifier_no_b,
            pairs.cause_rank,
            first_members.component_no as component_no_a,
            second_members.component_no as component_no_b,
            case
                when not pairs.is_joining and first_members.component_no = second_members.component_no then 1
                else 0
            end as reopens
        from {{ pairs }} as pairs
        left join {{ partition }} as first_members on pairs.identifier_no_a = first_members.identifier_no
        left join {{ partition }} as second_members on pairs.identifier_no_b = second_members.identifier_no
        where pairs.revision_no > {{ known['pairs'] }}

    ),

    touched as (

        select
            component_no,
            cause_rank,
            case when has_customer then 0 else 1 end as reopens
        from changed_nodes

        union all

        select component_no_a as component_no, cause_rank, reopens from changed_pairs

        union all

        select component_no_b as component_no, cause_rank, reopens from changed_pairs

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
        case when components.reopens = 1 then members.identifier_no else members.component_no end as end_no,
        components.reopens = 1 as is_reopened,
        components.cause_rank
    from {{ partition }} as members
    inner join components on members.component_no = components.component_no
    left join gone on members.identifier_no = gone.node
    where gone.node is null

    union all

    select
        node,
        cast(null as bigint) as old_component_no,
        node as end_no,
        true as is_reopened,
        cause_rank
    from changed_nodes
    where has_customer and component_no is null
{%- endmacro %}
