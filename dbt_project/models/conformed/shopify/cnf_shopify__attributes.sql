{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, attribute) that a current record has a value for
    rebuild: a view over staging
#}
with

customers as (

    select * from {{ ref('stg_shopify__customers') }}
    where is_current and not coalesce(is_deleted, false)

),

orders as (

    select * from {{ ref('stg_shopify__orders') }}
    where is_current and not coalesce(is_deleted, false) and not coalesce(is_test, false)

),

checkouts as (

    select * from {{ ref('stg_shopify__abandoned_checkouts') }}
    where is_current and not coalesce(is_deleted, false)

),

final as (

    {{ offer_attributes(
        'customer', 'customers', 'shopify_customer_id',
        ["'shopify_customer_id'", 'shopify_customer_id'],
        'coalesce(updated_at, created_at, loaded_at)',
        {'email': 'email', 'phone': 'phone', 'first_name': 'first_name', 'last_name': 'last_name'},
        verified={'email': 'is_email_verified'},
    ) }}

    union all

    {# The recipient may be another person, so orders are not compared with person records. #}
    {{ offer_attributes(
        'order', 'orders', 'order_id',
        ["case when shopify_customer_id is null then 'shopify_order_id' else 'shopify_customer_id' end",
         'coalesce(shopify_customer_id, order_id)'],
        'coalesce(ordered_at, updated_at, loaded_at)',
        {
            'email': 'email', 'phone': 'phone', 'first_name': 'first_name', 'last_name': 'last_name',
            'street': 'street', 'city': 'city', 'region': 'region', 'postal_code': 'postal_code',
            'country_code': 'country_code',
        },
        allows_matching='false',
    ) }}

    union all

    {{ offer_attributes(
        'checkout', 'checkouts', 'checkout_id',
        ["case when shopify_customer_id is null then 'email' else 'shopify_customer_id' end",
         'coalesce(shopify_customer_id, email)'],
        'coalesce(updated_at, created_at, loaded_at)', {'email': 'email', 'phone': 'phone'},
        allows_matching='false',
    ) }}

)

select * from final
