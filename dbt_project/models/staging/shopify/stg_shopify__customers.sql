with

rest as (

    select * from {{ ref('base_shopify__customers_rest') }}

),

graphql as (

    select * from {{ ref('base_shopify__customers_graphql') }}

),

final as (

    {{ union_loaders(
        ['rest', 'graphql'], ['shopify_customer_id'], [
            'shopify_customer_id', 'email', 'phone', 'first_name', 'last_name', 'account_state',
            'email_marketing_status', 'email_marketing_updated_at', 'sms_marketing_status',
            'sms_marketing_updated_at', 'email_marketing_opt_in_level',
            'sms_marketing_opt_in_level', 'is_email_verified', 'created_at', 'updated_at'
        ],
    ) }}

)

select * from final
