{{ config(materialized='changed_rows') }}
{#
    grain: one row per ordered pair of segments; key: segment_pair_key
    why here: of the members of the first, who is in the second too
#}
with segments as (

    select * from {{ ref('dim_segments') }}
    where retired_at is null and is_remembered

),

stays as (

    select
        segment,
        customer_id
    from {{ ref('fct_segment_memberships') }}
    where exited_at is null

),

sizes as (

    select
        segments.segment,
        count(stays.customer_id) as member_count
    from segments
    left join stays on segments.segment = stays.segment
    group by 1

),

pairs as (

    select
        stays.segment,
        others.segment as other_segment,
        count(*) as shared_count
    from stays
    inner join stays as others
        on stays.customer_id = others.customer_id and stays.segment <> others.segment
    group by 1, 2

),

final as (

    select
        sizes.segment || '|' || others.segment as segment_pair_key,
        sizes.segment,
        others.segment as other_segment,
        cast(sizes.member_count as bigint) as member_count,
        cast(others.member_count as bigint) as other_member_count,
        cast(coalesce(pairs.shared_count, 0) as bigint) as shared_count,
        coalesce(pairs.shared_count, 0) / cast(nullif(sizes.member_count, 0) as double) as shared_share
    from sizes
    inner join sizes as others on sizes.segment <> others.segment
    left join pairs on sizes.segment = pairs.segment and others.segment = pairs.other_segment

)

select * from final
