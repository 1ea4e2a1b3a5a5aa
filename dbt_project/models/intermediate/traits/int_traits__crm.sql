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
        sum(case when deals.status = 'open' then 1 else 0 end) as open_deal_count,
        sum(case when deals.status = 'won' then 1 else 0 end) as won_deal_count,
        0 as call_count,
        sum(case when deals.status = 'open' then coalesce(deals.amount_reporting, 0) else 0 end)
            as pipeline_amount
    from {{ ref('int_crm__deals') }} as deals
    inner join customers on deals.identifier_no = customers.identifier_no
    group by 1

),

calls as (

    select
        customers.customer_id,
        0 as open_deal_count,
        0 as won_deal_count,
        count(*) as call_count,
        0 as pipeline_amount
    from {{ ref('int_crm__engagements') }} as calls
    inner join customers on calls.identifier_no = customers.identifier_no
    where calls.engagement_type = 'call'
    group by 1

),

unioned as (

    select * from deals

    union all

    select * from calls

),

final as (

    select
        customer_id,
        sum(open_deal_count) as open_deal_count,
        sum(won_deal_count) as won_deal_count,
        sum(call_count) as call_count,
        {{ money('sum(pipeline_amount)', 18) }} as pipeline_amount
    from unioned
    group by 1

)

select * from final
