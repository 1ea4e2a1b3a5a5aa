{#
    grain: one row per customer with at least one deal or call; key: customer_id
#}
with customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}
    where customer_id is not null

),

deals as (

    select
        customers.customer_id,
        deals.*,
        -- The deal that says it last: contracts are not deleted when a new one is made.
        row_number() over (
            partition by customers.customer_id, deals.contract_status is null
            order by deals.occurred_at desc, deals.deal_id desc
        ) as contract_index
    from {{ ref('int_crm__deals') }} as deals
    inner join customers on deals.identifier_no = customers.identifier_no

),

deal_totals as (

    select
        customer_id,
        sum(case when status = 'open' then 1 else 0 end) as open_deal_count,
        sum(case when status = 'won' then 1 else 0 end) as won_deal_count,
        -- Unknown where the currency of one has no rate: a sum of the others would look complete.
        case
            when
                sum(case when status = 'open' and amount is not null and amount_reporting is null then 1 else 0 end)
                = 0
                then {{ money("sum(case when status = 'open' then coalesce(amount_reporting, 0) else 0 end)", 18) }}
        end as pipeline_amount,
        max(case when contract_index = 1 then contract_status end) as contract_status,
        max(case when contract_index = 1 and contract_status is not null then contract_end_date end)
            as contract_end_date
    from deals
    group by 1

),

call_totals as (

    select
        customers.customer_id,
        count(*) as call_count
    from {{ ref('int_crm__engagements') }} as calls
    inner join customers on calls.identifier_no = customers.identifier_no
    where calls.engagement_type = 'call'
    group by 1

),

final as (

    select
        coalesce(deal_totals.customer_id, call_totals.customer_id) as customer_id,
        coalesce(deal_totals.open_deal_count, 0) as open_deal_count,
        coalesce(deal_totals.won_deal_count, 0) as won_deal_count,
        coalesce(call_totals.call_count, 0) as call_count,
        case when deal_totals.customer_id is null then 0 else deal_totals.pipeline_amount end as pipeline_amount,
        deal_totals.contract_status,
        deal_totals.contract_end_date
    from deal_totals
    full outer join call_totals on deal_totals.customer_id = call_totals.customer_id

)

select * from final
