{{ config(materialized='view') }}
{#
    grain: one row per subscription; key: subscription_id
    rebuild: a view over staging
    why here: the monthly amount adds up a subscription's items, whatever their interval
#}
with subscriptions as (

    select * from {{ ref('stg_stripe__subscriptions') }}
    where is_current and not is_deleted and not is_test

),

items as (

    select * from {{ ref('stg_stripe__subscription_items') }}
    where is_current and not is_deleted

),

prices as (

    select * from {{ ref('stg_stripe__prices') }}
    where is_current

),

products as (

    select * from {{ ref('stg_stripe__products') }}
    where is_current

),

priced as (

    select
        items.subscription_id,
        products.product_name,
        prices.currency_code,
        coalesce(items.quantity, 1)
        * prices.unit_amount
        / coalesce(prices.recurring_interval_count, 1)
        * case prices.recurring_interval
            when 'day' then 365.0 / 12
            when 'week' then 365.0 / 7 / 12
            when 'month' then 1.0
            when 'year' then 1.0 / 12
        end as monthly_amount
    from items
    left join prices on items.price_id = prices.price_id
    left join products on prices.product_id = products.product_id

),

contents as (

    select
        subscription_id,
        min(product_name) as product_name,
        min(currency_code) as currency_code,
        count(*) as item_count,
        {{ money('sum(monthly_amount)', 18) }} as monthly_amount
    from priced
    group by 1

),

final as (

    select
        subscriptions.subscription_id,
        'stripe_customer_id' as identifier_type,
        subscriptions.stripe_customer_id as identifier_value,
        coalesce(subscriptions.status, 'unknown') as status,
        contents.product_name,
        coalesce(subscriptions.currency_code, contents.currency_code) as currency_code,
        cast(coalesce(contents.item_count, 0) as bigint) as item_count,
        contents.monthly_amount,
        -- A customer in arrears is still a subscriber; one who never paid the first invoice is not.
        coalesce(subscriptions.status, '') in ('active', 'trialing', 'past_due', 'unpaid') as is_live,
        subscriptions.is_ending,
        subscriptions.started_at is null as is_occurred_at_estimated,
        coalesce(subscriptions.started_at, subscriptions.current_period_start_at, subscriptions.loaded_at)
            as occurred_at,
        subscriptions.current_period_end_at,
        subscriptions.canceled_at,
        subscriptions.ended_at
    from subscriptions
    left join contents on subscriptions.subscription_id = contents.subscription_id

)

select * from final
