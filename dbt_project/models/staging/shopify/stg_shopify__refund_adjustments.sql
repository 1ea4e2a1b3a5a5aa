with source as (

    select * from {{ source('shopify', 'order_adjustment') }}

),

final as (

    select
        source.id as refund_adjustment_id,
        source.refund_id,
        lower({{ clean_text('source.kind') }}) as adjustment_kind,
        {{ money('source.amount') }} as amount,
        {{ money('source.tax_amount') }} as tax_amount,
        source._superseded_at is null as is_current,
        source._loaded_at as loaded_at
    from source

)

select * from final
