{#
    grain: one row per deal and entry into a stage; key: deal_stage_id
#}
with deal_stages as (

    select * from {{ ref('int_crm__deal_stages') }}

),

deals as (

    select
        deal_id,
        customer_id
    from {{ ref('fct_deals') }}

),

final as (

    select
        deal_stages.deal_stage_id,
        deal_stages.deal_id,
        deals.customer_id,
        deal_stages.stage_id,
        deal_stages.stage_name,
        deal_stages.merged_from_deal_id,
        deal_stages.seconds_in_stage / 86400.0 as days_in_stage,
        deal_stages.is_current,
        deal_stages.occurred_at,
        deal_stages.left_at
    from deal_stages
    inner join deals on deal_stages.deal_id = deals.deal_id

)

select * from final
