{{ config(materialized='changed_rows') }}
{#
    grain: one row per identifier that a current record names; key: identifier_no
    rebuild: full table
    why here: every fact joins this model to get from identifier to customer
#}
with

observations as (

    select * from {{ ref('int_identity__observations') }}

),

identifier_status as (

    select * from {{ ref('int_identity__identifier_status') }}

),

partition_members as (

    select * from {{ ref('int_identity__partition') }}

),

customers as (

    select * from {{ ref('int_identity__customers') }}

),

{# In two steps, because engines count distinct values more slowly. #}
seen_by_source as (

    select
        identifier_type,
        identifier_value,
        source,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from observations
    group by 1, 2, 3

),

seen as (

    select
        identifier_type,
        identifier_value,
        count(*) as source_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from seen_by_source
    group by 1, 2

),

final as (

    select
        identifier_status.identifier_no,
        customers.customer_id,
        identifier_status.identifier_type,
        identifier_status.identifier_value,
        identifier_status.identifier_status,
        identifier_status.scope,
        partition_members.customer_no,
        seen.source_count,
        identifier_status.is_attribute,
        seen.first_seen_at,
        seen.last_seen_at
    from identifier_status
    inner join seen
        on
            identifier_status.identifier_type = seen.identifier_type
            and identifier_status.identifier_value = seen.identifier_value
    left join partition_members
        on identifier_status.identifier_no = partition_members.identifier_no
    left join customers on partition_members.customer_no = customers.customer_no

)

select * from final
