with source as (

    select * from {{ source('shopify', 'order_line_refund') }}

),

final as (

    select
        source.id as order_line_refund_id,
        source.refund_id,
        {{ clean_text('source.order_line_id') }} as order_line_id,
        source.quantity,
        {{ money('source.subtotal') }} as subtotal_amount,
        {{ money('source.total_tax') }} as tax_amount,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
