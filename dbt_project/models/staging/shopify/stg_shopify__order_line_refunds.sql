with

rest as (

    select * from {{ ref('base_shopify__order_line_refunds_rest') }}

),

graphql as (

    select * from {{ ref('base_shopify__order_line_refunds_graphql') }}

),

refunds as (

    select * from {{ ref('stg_shopify__refunds') }}
    where is_current

),

final as (

    {{ union_loaders_of_parent(
        ['rest', 'graphql'], 'refunds', 'refund_id', [
            'order_line_refund_id', 'refund_id', 'order_line_id', 'quantity', 'subtotal_amount',
            'tax_amount'
        ],
    ) }}

)

select * from final
