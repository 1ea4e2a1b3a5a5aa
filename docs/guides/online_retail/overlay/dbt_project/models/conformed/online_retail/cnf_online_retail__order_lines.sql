{{ config(materialized='view') }}
{#
    grain: one row per line of an invoice or credit note; key: order_line_id
    rebuild: a view over staging
#}
with lines as (

    select * from {{ ref('stg_online_retail__invoice_lines') }}

),

final as (

    select
        order_line_id,
        order_id,
        product_id,
        product_id as sku,
        product_name,
        quantity,
        unit_price_amount,
        cast(null as decimal(18, 2)) as discount_amount,
        false as is_gift_card,
        loaded_at
    from lines

)

select * from final
