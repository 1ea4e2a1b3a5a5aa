{{ config(materialized='view') }}
{#
    grain: one row per invoice that was sent or paid (a draft may still change); key: invoice_id
    rebuild: a view over staging
#}
with invoices as (

    select * from {{ ref('stg_stripe__invoices') }}
    where is_current and not is_deleted and not is_test and coalesce(status, '') <> 'draft'

),

lines as (

    select
        invoice_id,
        count(*) as line_count
    from {{ ref('stg_stripe__invoice_lines') }}
    where is_current and not is_deleted
    group by 1

),

final as (

    select
        invoices.invoice_id,
        'stripe_customer_id' as identifier_type,
        invoices.stripe_customer_id as identifier_value,
        invoices.subscription_id,
        invoices.payment_intent_id,
        invoices.invoice_number,
        invoices.status,
        invoices.billing_reason,
        invoices.currency_code,
        invoices.total_amount,
        invoices.paid_amount,
        cast(coalesce(lines.line_count, 0) as bigint) as line_count,
        invoices.created_at as occurred_at,
        invoices.due_at,
        invoices.paid_at
    from invoices
    left join lines on invoices.invoice_id = lines.invoice_id

)

select * from final
