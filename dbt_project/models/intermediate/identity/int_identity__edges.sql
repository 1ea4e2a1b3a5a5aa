{{ config(materialized='view') }}
{#
    grain: one row per (identifier_no_a, identifier_no_b, rule, source, record_id) that may join
    rebuild: a view
#}
with

judged_links as (

    select * from {{ ref('int_identity__judged_links') }}

),

final as (

    select
        identifier_no_a,
        identifier_no_b,
        rule,
        source,
        record_id,
        tier,
        times_seen,
        first_seen_at,
        last_seen_at
    from judged_links
    where refusal_reason is null

)

select * from final
