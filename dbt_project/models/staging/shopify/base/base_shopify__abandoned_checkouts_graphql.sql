with source as (

    select * from {{ source('shopify_graphql', 'abandoned_checkout') }}

),

final as (

    select
        -- This connector has no checkout token and no cart token: the checkout's own id is used.
        source.id as checkout_id,
        cast(null as {{ dbt.type_string() }}) as cart_id,
        {{ clean_text('source.customer_id') }} as shopify_customer_id,
        {{ normalize_email('source.email') }} as email,
        {{ phone_text(
            'coalesce(source.phone, source.shipping_address_phone)',
            'coalesce(country_of_code.country_code, country_of_name.country_code)'
        ) }} as phone,
        {{ normalize_currency('source.total_price_set_shop_currency_code') }} as currency_code,
        {{ money('source.total_price_set_shop_amount') }} as total_amount,
        source.created_at,
        source.completed_at,
        source.updated_at,
        {{ record_state("source._fivetran_deleted", updated_at='source.updated_at') }}
    from source
    {{ join_country('country_of_code', 'source.shipping_address_country_code') }}
    {{ join_country('country_of_name', 'source.shipping_address_country') }}

)

select * from final
