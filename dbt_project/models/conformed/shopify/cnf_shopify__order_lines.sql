{{ config(materialized='view') }}
{#
    grain: one row per order line that is not deleted; key: order_line_id
    rebuild: a view over staging
#}
with order_lines as (

    select * from {{ ref('stg_shopify__order_lines') }}
    where is_current and not is_deleted

),

final as (

    select
        cast(order_line_id as {{ dbt.type_string() }}) as order_line_id,
        cast(order_id as {{ dbt.type_string() }}) as order_id,
        product_id,
        sku,
        product_name,
        quantity,
        unit_price_amount,
        discount_amount,
        is_gift_card,
        loaded_at
    from order_lines

)

select * from final
