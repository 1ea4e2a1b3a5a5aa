{#
    grain: one row per (identifier_no_a, identifier_no_b, rule, source, record_id) that did not
        join, with its reason
    rebuild: full table
    why here: no edge is refused silently: each has a reason and the two customers that it would
        join
#}
with

judged_links as (

    select * from {{ ref('int_identity__judged_links') }}

),

identifier_status as (

    select * from {{ ref('int_identity__identifier_status') }}

),

partition_members as (

    select * from {{ ref('int_identity__partition') }}

),

exclusions as (

    select * from {{ ref('int_identity__exclusions') }}

),

placed as (

    select
        judged_links.*,
        first_members.component_no,
        first_members.customer_no as customer_no_a,
        second_members.customer_no as customer_no_b
    from judged_links
    left join partition_members as first_members
        on judged_links.identifier_no_a = first_members.identifier_no
    left join partition_members as second_members
        on judged_links.identifier_no_b = second_members.identifier_no

),

cut as (

    select distinct
        customer_no_a,
        customer_no_b
    from placed
    where refusal_reason is null and customer_no_a <> customer_no_b

),

counts as (

    select
        partition_members.customer_no,
        {{ limited_type('identifier_status') }} as identifier_type,
        identifier_status.max_per_customer,
        count(*) as identifier_count
    from partition_members
    inner join identifier_status
        on partition_members.identifier_no = identifier_status.identifier_no
    where identifier_status.max_per_customer is not null
    group by 1, 2, 3

),

{# The counts of both sides are added, not joined with each other: a planner may join those of all
    customers by their type first, which are billions of rows. #}
sides as (

    select
        customer_no_a,
        customer_no_b,
        customer_no_a as customer_no
    from cut

    union all

    select
        customer_no_a,
        customer_no_b,
        customer_no_b as customer_no
    from cut

),

exceeded as (

    select
        sides.customer_no_a,
        sides.customer_no_b,
        counts.identifier_type
    from sides
    inner join counts on sides.customer_no = counts.customer_no
    group by 1, 2, 3
    having count(*) = 2 and sum(counts.identifier_count) > max(counts.max_per_customer)

),

broken_limits as (

    select
        customer_no_a,
        customer_no_b,
        min(concat('limit:', identifier_type)) as reason
    from exceeded
    group by 1, 2

),

kept_apart as (

    select distinct
        first_members.customer_no as customer_no_a,
        second_members.customer_no as customer_no_b
    from exclusions
    inner join partition_members as first_members
        on exclusions.identifier_no_a = first_members.identifier_no
    inner join partition_members as second_members
        on exclusions.identifier_no_b = second_members.identifier_no

    union

    select distinct
        second_members.customer_no as customer_no_a,
        first_members.customer_no as customer_no_b
    from exclusions
    inner join partition_members as first_members
        on exclusions.identifier_no_a = first_members.identifier_no
    inner join partition_members as second_members
        on exclusions.identifier_no_b = second_members.identifier_no

),

{# A component that neither a limit nor a person divided was divided by the size cap. #}
held as (

    select component_no
    from partition_members
    group by 1
    having count(*) > {{ bounded_var('identity_max_identifiers', 1000, 2, 1000000) }}

),

final as (

    select
        placed.identifier_no_a,
        placed.identifier_no_b,
        placed.rule,
        placed.source,
        placed.record_id,
        case
            when placed.refusal_reason is not null then placed.refusal_reason
            when kept_apart.customer_no_a is not null then 'override_exclude'
            when broken_limits.reason is not null then broken_limits.reason
            when held.component_no is not null then 'size_cap'
        end as reason,
        placed.customer_no_a,
        placed.customer_no_b,
        placed.tier,
        placed.times_seen,
        placed.first_seen_at,
        placed.last_seen_at
    from placed
    left join broken_limits
        on
            placed.customer_no_a = broken_limits.customer_no_a
            and placed.customer_no_b = broken_limits.customer_no_b
    left join kept_apart
        on
            placed.customer_no_a = kept_apart.customer_no_a
            and placed.customer_no_b = kept_apart.customer_no_b
    left join held on placed.component_no = held.component_no
    where
        placed.refusal_reason is not null
        or placed.customer_no_a <> placed.customer_no_b

)

select * from final
