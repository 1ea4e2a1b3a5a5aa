{{ config(materialized='view') }}
{#
    grain: one row per order that is not deleted; key: order_id
    rebuild: a view over staging
#}
with orders as (

    select * from {{ ref('stg_shopify__orders') }}
    where is_current and not is_deleted

),

final as (

    select
        cast(order_id as {{ dbt.type_string() }}) as order_id,
        case
            when shopify_customer_id is not null then 'shopify_customer_id'
            else 'shopify_order_id'
        end as identifier_type,
        cast(coalesce(shopify_customer_id, order_id) as {{ dbt.type_string() }}) as identifier_value,
        order_name,
        financial_status,
        currency_code,
        cart_id,
        checkout_id,
        city,
        region,
        country_code,
        subtotal_amount,
        tax_amount,
        discount_amount,
        shipping_amount,
        tip_amount,
        duties_amount,
        total_amount,
        current_total_amount,
        is_tax_included,
        is_test,
        cancelled_at,
        ordered_at,
        updated_at,
        loaded_at
    from orders

)

select * from final
