with source as (

    select * from {{ source('shopify', 'refund') }}

),

final as (

    select
        source.id as refund_id,
        source.order_id,
        {{ money('source.total_refunded') }} as refund_amount,
        coalesce(source.processed_at, source.created_at) as refunded_at,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
