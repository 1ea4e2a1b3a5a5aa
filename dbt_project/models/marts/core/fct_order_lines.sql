{#
    grain: one row per order line; key: order_line_id
#}
with lines as (

    select * from {{ ref('int_commerce__order_lines') }}

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}

),

final as (

    select
        lines.order_line_id,
        lines.order_id,
        customers.customer_id,
        lines.product_id,
        lines.source,
        lines.sku,
        lines.product_name,
        lines.product_category,
        lines.currency_code,
        lines.quantity,
        lines.line_amount,
        lines.line_amount_reporting,
        lines.refunded_quantity,
        lines.refunded_amount,
        lines.refunded_amount_reporting,
        lines.reporting_currency,
        lines.is_gift_card,
        lines.is_purchase,
        lines.occurred_at
    from lines
    left join customers on lines.identifier_no = customers.identifier_no

)

select * from final
