{{ config(materialized='changed_rows') }}
{#
    grain: one row per (identifier_no_a, identifier_no_b, rule, source, record_id) of
        int_identity__links, with the reason why it may not join, if any
    rebuild: full table
    why here: exact evidence and people's decisions, before the probabilistic tier
#}
with

links as (

    select * from {{ ref('int_identity__links') }}

),

identifier_status as (

    select * from {{ ref('int_identity__identifier_status') }}

),

shared_use_refusals as (

    select * from {{ ref('int_identity__shared_use_refusals') }}

),

final as (

    select
        links.identifier_no_a,
        links.identifier_no_b,
        links.rule,
        links.source,
        links.record_id,
        case
            when first_status.identifier_no is null or second_status.identifier_no is null
                then 'not_observed'
            when not links.is_enabled then 'rule_disabled'
            when not links.is_joining then 'type_does_not_join'
            when
                first_status.identifier_status = 'invalid'
                or second_status.identifier_status = 'invalid'
                then 'invalid'
            when
                first_status.identifier_status = 'blocked'
                or second_status.identifier_status = 'blocked'
                then 'blocked'
            when links.source = 'override' then null
            when links.is_expired then 'expired'
            when
                first_status.identifier_status = 'shared'
                or second_status.identifier_status = 'shared'
                then 'shared_identifier'
            when coalesce(first_refusals.reason, second_refusals.reason) is not null
                then concat('other_person:', coalesce(first_refusals.reason, second_refusals.reason))
        end as refusal_reason,
        links.tier,
        links.times_seen,
        links.usable_days,
        links.first_seen_at,
        links.last_seen_at
    from links
    left join identifier_status as first_status
        on links.identifier_no_a = first_status.identifier_no
    left join identifier_status as second_status
        on links.identifier_no_b = second_status.identifier_no
    left join shared_use_refusals as first_refusals
        on
            links.identifier_no_a = first_refusals.identifier_no
            and links.identifier_no_b = first_refusals.namer_no
    left join shared_use_refusals as second_refusals
        on
            links.identifier_no_b = second_refusals.identifier_no
            and links.identifier_no_a = second_refusals.namer_no

)

select * from final
