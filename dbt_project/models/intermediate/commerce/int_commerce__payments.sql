{#
    grain: one row per charge that went through; key: payment_id
    why here: a payment is no order: it says what it paid for, an order of the shop or an invoice, so that no turnover counts twice
#}
with charges as (

    select * from {{ ref('stg_stripe__charges') }}
    where is_current and not is_deleted and not is_test and is_paid

),

orders as (

    select * from {{ ref('int_commerce__orders') }}

),

invoices as (

    -- Two invoices of one payment intent are one bill that was written anew.
    select
        payment_intent_id,
        max(invoice_id) as invoice_id
    from {{ ref('int_commerce__invoices') }}
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

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

final as (

    select
        charges.charge_id as payment_id,
        coalesce(identifiers.identifier_no, orders.identifier_no) as identifier_no,
        orders.order_id,
        coalesce(charges.invoice_id, invoices.invoice_id) as invoice_id,
        'stripe' as source,
        charges.currency_code,
        charges.amount as paid_amount,
        {{ money('coalesce(refunds.refunded_amount, charges.refunded_amount, 0)') }} as refunded_amount,
        charges.is_captured,
        charges.created_at as occurred_at
    from charges
    left join orders on charges.order_id = orders.order_id
    left join invoices on charges.payment_intent_id = invoices.payment_intent_id
    left join refunds on charges.charge_id = refunds.charge_id
    left join identifiers
        on
            identifiers.identifier_type = 'stripe_customer_id'
            and charges.stripe_customer_id = identifiers.identifier_value

)

select * from final
