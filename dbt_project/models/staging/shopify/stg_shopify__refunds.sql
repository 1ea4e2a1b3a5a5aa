with

rest as (

    select * from {{ ref('base_shopify__refunds_rest') }}

),

graphql as (

    select * from {{ ref('base_shopify__refunds_graphql') }}

),

orders as (

    select * from {{ ref('stg_shopify__orders') }}
    where is_current

),

final as (

    {{ union_loaders_of_parent(
        ['rest', 'graphql'], 'orders', 'order_id', [
            'refund_id', 'order_id', 'refund_amount', 'refunded_at'
        ],
    ) }}

)

select * from final
