with source as (

    select * from {{ source('shopify_graphql', 'order_line') }}

),

final as (

    select
        source.id as order_line_id,
        source.order_id,
        {{ clean_text('source.product_id') }} as product_id,
        {{ clean_text('source.sku') }} as sku,
        coalesce({{ clean_text('source.title') }}, {{ clean_text('source.name') }}) as product_name,
        source.quantity,
        -- The connector has the line's total before discounts, but no unit price.
        {{ money(
            'source.original_total_set_shop_amount / nullif(source.quantity, 0)'
        ) }} as unit_price_amount,
        {{ money('source.total_discount_set_shop_amount') }} as discount_amount,
        coalesce(source.is_gift_card, false) as is_gift_card,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
