with source as (

    select * from {{ source('shopify_graphql', 'order') }}

),

final as (

    select
        source.id as order_id,
        {{ clean_text('source.customer_id') }} as shopify_customer_id,
        {{ clean_text('source.cart_token') }} as cart_id,
        {{ clean_text('source.checkout_token') }} as checkout_id,
        {{ normalize_email('source.email') }} as email,
        {{ phone_text(
            'coalesce(source.phone, source.shipping_address_phone)',
            'coalesce(country_of_code.country_code, country_of_name.country_code)'
        ) }} as phone,
        {{ clean_text('source.shipping_address_first_name') }} as first_name,
        {{ clean_text('source.shipping_address_last_name') }} as last_name,
        {{ clean_text(
            "concat_ws(', ', source.shipping_address_address_1, source.shipping_address_address_2)"
        ) }} as street,
        {{ clean_text('source.shipping_address_city') }} as city,
        {{ clean_text('source.shipping_address_province') }} as region,
        {{ clean_text('source.shipping_address_zip') }} as postal_code,
        coalesce(country_of_code.country_code, country_of_name.country_code) as country_code,
        {{ clean_text('source.name') }} as order_name,
        lower({{ clean_text('source.display_financial_status') }}) as financial_status,
        {{ normalize_currency(
            'coalesce(source.total_price_set_shop_currency_code, source.currency_code)'
        ) }} as currency_code,
        {{ money('source.subtotal_price_set_shop_amount') }} as subtotal_amount,
        {{ money('source.total_tax_set_shop_amount') }} as tax_amount,
        {{ money('source.total_discounts_set_shop_amount') }} as discount_amount,
        {{ money('source.total_shipping_price_set_shop_amount') }} as shipping_amount,
        {{ money('source.total_tip_received_set_shop_amount') }} as tip_amount,
        {{ money('source.original_total_duties_set_shop_amount') }} as duties_amount,
        {{ money('source.total_price_set_shop_amount') }} as total_amount,
        {{ money('source.current_total_price_set_shop_amount') }} as current_total_amount,
        coalesce(source.taxes_included, false) as is_tax_included,
        {{ normalize_currency(
            'coalesce(source.total_price_set_pres_currency_code, source.presentment_currency_code)'
        ) }} as presentment_currency_code,
        {{ money('source.total_price_set_pres_amount') }} as presentment_total_amount,
        coalesce(source.test, false) as is_test,
        source.cancelled_at,
        coalesce(source.processed_at, source.created_at) as ordered_at,
        source.updated_at,
        {{ record_state("source._fivetran_deleted", updated_at='source.updated_at') }}
    from source
    {{ join_country('country_of_code', 'source.shipping_address_country_code') }}
    {{ join_country('country_of_name', 'source.shipping_address_country') }}

)

select * from final
