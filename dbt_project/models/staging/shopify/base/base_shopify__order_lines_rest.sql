with source as (

    select * from {{ source('shopify', 'order_line') }}

),

final as (

    select
        source.id as order_line_id,
        source.order_id,
        {{ clean_text('source.product_id') }} as product_id,
        {{ clean_text('source.sku') }} as sku,
        coalesce({{ clean_text('source.title') }}, {{ clean_text('source.name') }}) as product_name,
        source.quantity,
        {{ money('source.price') }} as unit_price_amount,
        {{ money('source.total_discount') }} as discount_amount,
        coalesce(source.gift_card, false) as is_gift_card,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
