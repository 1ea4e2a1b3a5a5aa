with

rest as (

    select * from {{ ref('base_shopify__order_lines_rest') }}

),

graphql as (

    select * from {{ ref('base_shopify__order_lines_graphql') }}

),

orders as (

    select * from {{ ref('stg_shopify__orders') }}
    where is_current

),

final as (

    {{ union_loaders_of_parent(
        ['rest', 'graphql'], 'orders', 'order_id', [
            'order_line_id', 'order_id', 'product_id', 'sku', 'product_name', 'quantity',
            'unit_price_amount', 'discount_amount', 'is_gift_card'
        ],
    ) }}

)

select * from final
