{{ config(meta={'dagster': {'ref': {'name': 'int_identity__partition'}}}) }}
-- No customer has more identifiers of a type than its limit, unless a person's decision joined
-- them.
with

members as (

    select
        partition_members.customer_no,
        {{ limited_type('identifier_status') }} as identifier_type,
        identifier_status.max_per_customer,
        count(*) as identifier_count
    from {{ ref('int_identity__partition') }} as partition_members
    inner join {{ ref('int_identity__identifier_status') }} as identifier_status
        on partition_members.identifier_no = identifier_status.identifier_no
    where identifier_status.max_per_customer is not null
    group by 1, 2, 3

),

decided as (

    select distinct partition_members.customer_no
    from {{ ref('int_identity__edges') }} as edges
    inner join {{ ref('int_identity__partition') }} as partition_members
        on edges.identifier_no_a = partition_members.identifier_no
    where edges.tier = 0

)

select members.*
from members
left join decided on members.customer_no = decided.customer_no
where members.identifier_count > members.max_per_customer and decided.customer_no is null
