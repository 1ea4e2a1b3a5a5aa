{{
    config(
        materialized='connected_components',
        nodes='int_identity__identifier_status',
        exclusions='int_identity__exclusions',
    )
}}
-- depends_on: {{ ref('int_identity__identifier_status') }}
-- depends_on: {{ ref('int_identity__exclusions') }}
{#
    grain: one row per identifier that has a customer; key: identifier_no
    rebuild: the materialization connected_components runs the edges selected here to the fixpoint
    why here: customer_no is the smallest identifier_no of the customer
#}
with

edges as (

    select * from {{ ref('int_identity__edges') }}

),

final as (

    select
        identifier_no_a,
        identifier_no_b,
        min(tier) as tier,
        cast(sum(times_seen) as bigint) as times_seen,
        count(distinct source) as source_count,
        max(last_seen_at) as last_seen_at
    from edges
    group by 1, 2

)

select * from final
