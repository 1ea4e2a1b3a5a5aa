{#
    grain: one row per successful payment; key: payment_id
    why here: a payment is not an order: it names the order or invoice that it paid, so that no
        revenue counts twice
#}
with payments as (

    {{ union_concept('payments') }}

),

orders as (

    select * from {{ ref('int_commerce__orders') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

final as (

    select
        payments.payment_id,
        coalesce(identifiers.identifier_no, orders.identifier_no) as identifier_no,
        orders.order_id,
        payments.invoice_id,
        payments.source,
        payments.currency_code,
        payments.paid_amount,
        payments.refunded_amount,
        payments.is_captured,
        payments.occurred_at
    from payments
    left join orders on payments.order_id = orders.order_id
    left join identifiers
        on
            payments.identifier_type = identifiers.identifier_type
            and payments.identifier_value = identifiers.identifier_value

)

select * from final
