{#
    The rows of a partition that a run replaces: (identifier_no, component_no, customer_no,
    cause_rank), with nulls for removed rows. A row's cause is the strongest of those that touched
    its component. Unchanged rows stay, except one, so that the revisions of the table advance.
    members: (node, old_component_no, old_customer_no).
#}
{% macro select_replaced_rows(members, customers, nodes, known) -%}
    with

    one_row as (

        select min(identifier_no) as identifier_no from {{ customers }}

    ),

    causes as (

        select
            component_no,
            min(cause_rank) as cause_rank
        from {{ customers }}
        group by 1

    )

    select
        customers.identifier_no,
        customers.component_no,
        customers.customer_no,
        causes.cause_rank
    from {{ customers }} as customers
    cross join one_row
    inner join causes on customers.component_no = causes.component_no
    inner join {{ members }} as members on customers.identifier_no = members.node
    where
        members.old_component_no is null
        or customers.component_no <> members.old_component_no
        or customers.customer_no <> members.old_customer_no
        or customers.identifier_no = one_row.identifier_no

    union all

    select
        identifier_no,
        cast(null as bigint) as component_no,
        cast(null as bigint) as customer_no,
        cast(null as integer) as cause_rank
    from {{ nodes }}
    where revision_no > {{ known['nodes'] }} and not has_customer
{%- endmacro %}
