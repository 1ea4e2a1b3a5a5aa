{{ config(materialized='view') }}
{#
    grain: one row per order and source; key: source, order_id
    rebuild: a view over the conformed orders
    why here: every shop's orders in one shape, with the required columns of fct_orders that they
        lack
#}
with orders as (

    {{ union_concept('orders') }}

),

shaped as (

    select
        source,
        order_id,
        identifier_type,
        identifier_value,
        order_name,
        lower(financial_status) as financial_status,
        upper(currency_code) as currency_code,
        cart_id,
        checkout_id,
        city,
        region,
        country_code,
        {{ money('subtotal_amount') }} as subtotal_amount,
        {{ money('tax_amount') }} as tax_amount,
        {{ money('discount_amount') }} as discount_amount,
        {{ money('shipping_amount') }} as shipping_amount,
        {{ money('tip_amount') }} as tip_amount,
        {{ money('duties_amount') }} as duties_amount,
        {{ money('total_amount') }} as total_amount,
        {{ money('current_total_amount') }} as current_total_amount,
        coalesce(is_tax_included, false) as is_tax_included,
        coalesce(is_test, false) as is_test,
        cancelled_at,
        coalesce(ordered_at, updated_at, loaded_at) as ordered_at,
        ordered_at is null as is_occurred_at_estimated,
        updated_at,
        loaded_at
    from orders

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
