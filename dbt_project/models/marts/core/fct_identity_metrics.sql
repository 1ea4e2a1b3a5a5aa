{#
    grain: one row per metric of the identity graph after the last build; key: metric
    rebuild: full table
    why here: shows a wrong rule before customers are published
#}
with

customers as (

    select * from {{ ref('int_identity__customers') }}

),

judged_links as (

    select * from {{ ref('int_identity__judged_links') }}

),

refused_edges as (

    select * from {{ ref('int_identity__refused_edges') }}

),

changes as (

    select * from {{ ref('fct_identity_changes') }}

),

overrides as (

    select * from {{ ref('int_identity__overrides') }}

),

metric_limits as (

    select * from {{ ref('identity_metric_limits') }}

),

components as (

    select
        component_no,
        sum(identifier_count) as identifier_count
    from customers
    group by 1

),

records as (

    select count(distinct concat(source, ':', rule, ':', record_id)) as record_count from judged_links

),

cut_records as (

    select count(distinct concat(source, ':', rule, ':', record_id)) as record_count
    from refused_edges
    where reason like 'limit:%' or reason = 'size_cap'

),

measured as (

    select
        'largest_component' as metric,
        cast(coalesce(max(identifier_count), 0) as double) as value
    from components

    union all

    select
        'largest_customer' as metric,
        cast(coalesce(max(identifier_count), 0) as double) as value
    from customers

    union all

    select
        'merges_of_last_change' as metric,
        cast(count(*) as double) as value
    from changes
    where
        changes.change_type = 'merged'
        and changes.changed_at = (select max(every_change.changed_at) from changes as every_change)

    union all

    select
        'records_under_broken_limit_share' as metric,
        coalesce(cast(cut_records.record_count as double) / nullif(records.record_count, 0), 0) as value
    from cut_records
    cross join records

    union all

    select
        'merges_held_for_review' as metric,
        cast(count(*) as double) as value
    from refused_edges
    where reason = 'size_cap'

    union all

    select
        'overrides_not_applied' as metric,
        cast(count(*) as double) as value
    from overrides
    where problem is not null and problem <> 'repeated'

),

final as (

    select
        measured.metric,
        measured.value as metric_value,
        metric_limits.max_value,
        measured.value <= metric_limits.max_value as is_within_limit
    from measured
    inner join metric_limits on measured.metric = metric_limits.metric

)

select * from final
