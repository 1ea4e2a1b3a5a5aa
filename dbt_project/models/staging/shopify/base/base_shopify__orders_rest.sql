with source as (

    select * from {{ source('shopify', 'order') }}

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
        lower({{ clean_text('source.financial_status') }}) as financial_status,
        {{ normalize_currency('source.currency') }} as currency_code,
        {{ money('source.subtotal_price') }} as subtotal_amount,
        {{ money('source.total_tax') }} as tax_amount,
        {{ money('source.total_discounts') }} as discount_amount,
        {{ money(
            'coalesce(source.total_shipping_price, '
            ~ try_cast_to(json_value('source.total_shipping_price_set', '$.shop_money.amount'), 'decimal(24, 6)') ~ ')'
        ) }} as shipping_amount,
        {{ money('source.total_tip_received') }} as tip_amount,
        {{ money(
            'coalesce(source.total_duties, '
            ~ try_cast_to(json_value('source.original_total_duties_set', '$.shop_money.amount'), 'decimal(24, 6)') ~ ')'
        ) }} as duties_amount,
        {{ money('source.total_price') }} as total_amount,
        {{ money('source.current_total_price') }} as current_total_amount,
        coalesce(source.taxes_included, false) as is_tax_included,
        {{ normalize_currency('source.presentment_currency') }} as presentment_currency_code,
        {{ money('source.presentment_total_price') }} as presentment_total_amount,
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
