{#
    grain: one row per subscription; key: subscription_id
#}
with subscriptions as (

    select * from {{ ref('int_commerce__subscriptions') }}

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}

),

final as (

    select
        subscriptions.subscription_id,
        customers.customer_id,
        subscriptions.source,
        subscriptions.status,
        subscriptions.product_name,
        subscriptions.currency_code,
        subscriptions.item_count,
        subscriptions.monthly_amount,
        subscriptions.monthly_amount_reporting,
        subscriptions.reporting_currency,
        subscriptions.is_live,
        subscriptions.is_ending,
        subscriptions.is_occurred_at_estimated,
        subscriptions.occurred_at,
        subscriptions.current_period_end_at,
        subscriptions.canceled_at,
        subscriptions.ended_at
    from subscriptions
    left join customers on subscriptions.identifier_no = customers.identifier_no

)

select * from final
