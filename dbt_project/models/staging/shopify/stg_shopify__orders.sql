with

rest as (

    select * from {{ ref('base_shopify__orders_rest') }}

),

graphql as (

    select * from {{ ref('base_shopify__orders_graphql') }}

),

final as (

    {{ union_loaders(
        ['rest', 'graphql'], ['order_id'], [
            'order_id', 'shopify_customer_id', 'cart_id', 'checkout_id', 'email', 'phone',
            'first_name', 'last_name', 'street', 'city', 'region', 'postal_code', 'country_code',
            'order_name', 'financial_status', 'currency_code', 'subtotal_amount', 'tax_amount',
            'discount_amount', 'shipping_amount', 'tip_amount', 'duties_amount', 'total_amount',
            'current_total_amount', 'is_tax_included', 'presentment_currency_code', 'presentment_total_amount', 'is_test', 'cancelled_at', 'ordered_at', 'updated_at'
        ],
    ) }}

)

select * from final
