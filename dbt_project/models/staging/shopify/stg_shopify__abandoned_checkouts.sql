with

rest as (

    select * from {{ ref('base_shopify__abandoned_checkouts_rest') }}

),

graphql as (

    select * from {{ ref('base_shopify__abandoned_checkouts_graphql') }}

),

final as (

    {{ union_loaders(
        ['rest', 'graphql'], ['checkout_id'], [
            'checkout_id', 'cart_id', 'shopify_customer_id', 'email', 'phone', 'currency_code',
            'total_amount', 'created_at', 'completed_at', 'updated_at'
        ],
    ) }}

)

select * from final
