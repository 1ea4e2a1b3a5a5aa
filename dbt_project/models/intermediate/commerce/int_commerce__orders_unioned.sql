{{ config(materialized='view') }}
{#
    grain: one row per order and source; key: source, order_id
    rebuild: nothing is stored; the current version of each record that its source has not deleted
    why here: FURTHER ORDER SOURCES ENTER HERE: one staging model with these columns, one more `union all` block
#}
with unioned as (

    select
        'shopify' as source,
        order_id,
        case
            when shopify_customer_id is not null then 'shopify_customer_id'
            else 'shopify_order_id'
        end as identifier_type,
        coalesce(shopify_customer_id, order_id) as identifier_value,
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
        total_amount,
        is_test,
        cancelled_at,
        ordered_at,
        updated_at,
        loaded_at
    from {{ ref('stg_shopify__orders') }}
    where is_current and not is_deleted

    union all

    select
        'shopify_graphql' as source,
        order_id,
        case
            when shopify_customer_id is not null then 'shopify_customer_id'
            else 'shopify_order_id'
        end as identifier_type,
        coalesce(shopify_customer_id, order_id) as identifier_value,
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
        total_amount,
        is_test,
        cancelled_at,
        ordered_at,
        updated_at,
        loaded_at
    from {{ ref('stg_shopify_graphql__orders') }}
    where is_current and not is_deleted

),

shaped as (

    select
        source,
        cast(order_id as {{ dbt.type_string() }}) as order_id,
        identifier_type,
        cast(identifier_value as {{ dbt.type_string() }}) as identifier_value,
        cast(order_name as {{ dbt.type_string() }}) as order_name,
        lower(financial_status) as financial_status,
        upper(currency_code) as currency_code,
        cast(cart_id as {{ dbt.type_string() }}) as cart_id,
        cast(checkout_id as {{ dbt.type_string() }}) as checkout_id,
        city,
        region,
        country_code,
        {{ money('subtotal_amount') }} as subtotal_amount,
        {{ money('tax_amount') }} as tax_amount,
        {{ money('discount_amount') }} as discount_amount,
        {{ money('total_amount') }} as total_amount,
        coalesce(is_test, false) as is_test,
        cancelled_at,
        coalesce(ordered_at, updated_at, loaded_at) as ordered_at,
        ordered_at is null as is_occurred_at_estimated,
        updated_at,
        loaded_at
    from unioned

),

final as (

    select
        *,
        {{ missing_columns('fct_orders', {
            'order_id': 'order_id', 'currency_code': 'currency_code', 'total_amount': 'total_amount',
            'occurred_at': 'ordered_at'
        }) }} as missing_columns
    from shaped

)

select * from final
