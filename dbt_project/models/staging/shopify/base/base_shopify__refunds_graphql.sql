with source as (

    select * from {{ source('shopify_graphql', 'refund') }}

),

final as (

    select
        source.id as refund_id,
        source.order_id,
        {{ money('source.total_refunded_set_shop_amount') }} as refund_amount,
        source.created_at as refunded_at,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
