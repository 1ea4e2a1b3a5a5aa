{{ config(materialized='view') }}
{#
    grain: one row per refund and source; key: source, refund_id
    rebuild: a view over the conformed refunds
    why here: every shop's refunds in one shape
#}
with refunds as (

    {{ union_concept('refunds') }}

),

final as (

    select
        source,
        refund_id,
        order_id,
        {{ money('refund_amount') }} as refund_amount,
        {{ money('adjustment_amount') }} as adjustment_amount,
        refunded_at,
        loaded_at
    from refunds

)

select * from final
