{#
    grain: one row per invoice; key: invoice_id
    why here: every payment service's invoices in one shape
#}
with invoices as (

    {{ union_concept('invoices') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

final as (

    select
        invoices.invoice_id,
        identifiers.identifier_no,
        invoices.subscription_id,
        invoices.source,
        invoices.invoice_number,
        invoices.status,
        invoices.billing_reason,
        invoices.currency_code,
        invoices.total_amount,
        invoices.paid_amount,
        invoices.line_count,
        invoices.occurred_at,
        invoices.due_at,
        invoices.paid_at
    from invoices
    left join identifiers
        on
            invoices.identifier_type = identifiers.identifier_type
            and invoices.identifier_value = identifiers.identifier_value

)

select * from final
