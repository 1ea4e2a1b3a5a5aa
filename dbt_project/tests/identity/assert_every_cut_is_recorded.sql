{{ config(meta={'dagster': {'ref': {'name': 'int_identity__refused_edges'}}}) }}
-- The two ends of an edge are one customer, or the edge is refused with a reason.
select
    edges.identifier_no_a,
    edges.identifier_no_b,
    edges.rule
from {{ ref('int_identity__edges') }} as edges
inner join {{ ref('int_identity__partition') }} as first_members
    on edges.identifier_no_a = first_members.identifier_no
inner join {{ ref('int_identity__partition') }} as second_members
    on edges.identifier_no_b = second_members.identifier_no
left join {{ ref('int_identity__refused_edges') }} as refused
    on
        edges.identifier_no_a = refused.identifier_no_a
        and edges.identifier_no_b = refused.identifier_no_b
        and edges.rule = refused.rule
        and edges.source = refused.source
        and edges.record_id = refused.record_id
        and refused.reason is not null
where
    first_members.component_no <> second_members.component_no
    or (first_members.customer_no <> second_members.customer_no and refused.rule is null)
