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
        {{ money('lines.quantity * lines.unit_price_amount - lines.discount_amount') }}
            as line_amount,
        orders.is_purchase,
        orders.occurred_at
    from lines
    -- Lines come from the same source as the order that was kept.
    inner join orders
        on lines.source = orders.source and lines.order_id = orders.order_id
    left join categories on lines.product_id = categories.product_id

)

select * from final
