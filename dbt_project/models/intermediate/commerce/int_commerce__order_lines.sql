{{ config(materialized='view') }}
{#
    grain: one row per line of an order in int_commerce__orders; key: order_line_id
#}
with lines as (

    select * from {{ ref('int_commerce__order_lines_unioned') }}
    where missing_columns is null

),

orders as (

    select * from {{ ref('int_commerce__orders') }}

),

refunds as (

    select
        source,
        order_line_id,
        sum(quantity) as refunded_quantity,
        sum(line_amount) as refunded_amount
    from {{ ref('int_commerce__refund_lines_unioned') }}
    group by 1, 2

),

rates as (

    select * from {{ ref('int_commerce__reporting_rates') }}

),

valued as (

    select
        *,
        quantity * unit_price_amount - discount_amount as line_amount
    from lines

),

categories as (

    select * from {{ ref('int_commerce__product_categories') }}

),

final as (

    select
        lines.order_line_id,
        lines.order_id,
        orders.identifier_no,
        lines.product_id,
        orders.source,
        lines.sku,
        lines.product_name,
        categories.product_category,
        orders.currency_code,
        lines.quantity,
        {{ money('lines.line_amount') }} as line_amount,
        {{ money('lines.line_amount * rates.rate_to_reporting') }} as line_amount_reporting,
        cast(coalesce(refunds.refunded_quantity, 0) as bigint) as refunded_quantity,
        {{ money('coalesce(refunds.refunded_amount, 0)', 18) }} as refunded_amount,
        {{ money('coalesce(refunds.refunded_amount, 0) * rates.rate_to_reporting', 18) }}
            as refunded_amount_reporting,
        orders.reporting_currency,
        lines.is_gift_card,
        orders.is_purchase,
        orders.occurred_at
    from valued as lines
    -- Lines come from the same source as the order that was kept.
    inner join orders
        on lines.source = orders.source and lines.order_id = orders.order_id
    left join refunds on lines.source = refunds.source and lines.order_line_id = refunds.order_line_id
    left join rates on orders.currency_code = rates.currency_code
    left join categories on lines.product_id = categories.product_id

)

select * from final
