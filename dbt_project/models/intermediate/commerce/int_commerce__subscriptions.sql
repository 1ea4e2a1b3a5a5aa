{#
    grain: one row per subscription; key: subscription_id
    why here: every payment service's subscriptions in one shape and in the reporting currency
#}
{% set reporting_currency = var('reporting_currency', 'EUR') | upper %}
with subscriptions as (

    {{ union_concept('subscriptions') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

rates as (

    select * from {{ ref('int_commerce__reporting_rates') }}

),

final as (

    select
        subscriptions.subscription_id,
        identifiers.identifier_no,
        subscriptions.source,
        subscriptions.status,
        subscriptions.product_name,
        subscriptions.currency_code,
        subscriptions.item_count,
        subscriptions.monthly_amount,
        {{ money('subscriptions.monthly_amount * rates.rate_to_reporting') }} as monthly_amount_reporting,
        '{{ reporting_currency }}' as reporting_currency,
        subscriptions.is_live,
        subscriptions.is_ending,
        subscriptions.is_occurred_at_estimated,
        subscriptions.occurred_at,
        subscriptions.current_period_end_at,
        subscriptions.canceled_at,
        subscriptions.ended_at
    from subscriptions
    left join identifiers
        on
            subscriptions.identifier_type = identifiers.identifier_type
            and subscriptions.identifier_value = identifiers.identifier_value
    left join rates on subscriptions.currency_code = rates.currency_code

)

select * from final
