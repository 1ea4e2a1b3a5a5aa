{{ config(materialized='view') }}
{#
    grain: one row per successful charge; key: payment_id
    rebuild: a view over staging and the invoices
    why here: newer charges do not name their invoice; the two share a payment intent
#}
with charges as (

    select * from {{ ref('stg_stripe__charges') }}
    where is_current and not is_deleted and not is_test and is_paid

),

invoices as (

    -- Two invoices of one payment intent are one bill that was reissued.
    select
        payment_intent_id,
        max(invoice_id) as invoice_id
    from {{ ref('cnf_stripe__invoices') }}
    where payment_intent_id is not null
    group by 1

),

refunds as (

    select
        charge_id,
        {{ money('sum(refund_amount)', 18) }} as refunded_amount
    from {{ ref('stg_stripe__refunds') }}
    where is_current and not is_deleted and coalesce(status, 'succeeded') in ('succeeded', 'pending')
    group by 1

),

final as (

    select
        charges.charge_id as payment_id,
        'stripe_customer_id' as identifier_type,
        charges.stripe_customer_id as identifier_value,
        charges.order_id,
        coalesce(charges.invoice_id, invoices.invoice_id) as invoice_id,
        charges.currency_code,
        charges.amount as paid_amount,
        {{ money('coalesce(refunds.refunded_amount, charges.refunded_amount, 0)') }} as refunded_amount,
        charges.is_captured,
        charges.created_at as occurred_at
    from charges
    left join invoices on charges.payment_intent_id = invoices.payment_intent_id
    left join refunds on charges.charge_id = refunds.charge_id

)

select * from final
