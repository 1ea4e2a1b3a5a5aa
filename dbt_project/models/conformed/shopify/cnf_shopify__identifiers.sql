{{ config(materialized='changed_rows') }}
{#
    grain: one row per (record_type, record_id, own identifier, identifier), also of deleted records
    rebuild: full table
    why here: the lookup of phones reads it too
#}
with

customers as (

    select * from {{ ref('stg_shopify__customers') }}

),

orders as (

    select * from {{ ref('stg_shopify__orders') }}

),

checkouts as (

    select * from {{ ref('stg_shopify__abandoned_checkouts') }}

),

final as (

    {{ name_identifiers(
        'customer', 'customers', 'shopify_customer_id', {'shopify_customer_id': 'shopify_customer_id'},
        [['email', 'email'], ['phone', 'phone']], is_living=is_living_record('shopify_customer_id'),
    ) }}

    union all

    {{ name_identifiers(
        'account_user', 'customers', 'shopify_customer_id',
        {'shopify_customer_id': 'shopify_customer_id'}, [['user_id', 'shopify_customer_id']],
        is_living=is_living_record('shopify_customer_id'),
    ) }}

    union all

    {{ name_identifiers(
        'order', 'orders', 'order_id',
        {'shopify_customer_id': 'shopify_customer_id', 'shopify_order_id': 'order_id'},
        [['email', 'email'], ['phone', 'phone']], is_living=is_living_record('order_id'),
        first_seen_at='ordered_at', where='not coalesce(is_test, false)',
    ) }}

    union all

    {{ name_identifiers(
        'checkout', 'checkouts', 'checkout_id',
        {'shopify_customer_id': 'shopify_customer_id', 'email': 'email', 'phone': 'phone'},
        [['email', 'email'], ['phone', 'phone']], is_living=is_living_record('checkout_id'),
    ) }}

)

select * from final
