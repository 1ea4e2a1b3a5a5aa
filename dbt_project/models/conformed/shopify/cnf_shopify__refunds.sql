{{ config(materialized='view') }}
{#
    grain: one row per refund that is not deleted; key: refund_id
    rebuild: a view over staging
#}
with refunds as (

    select * from {{ ref('stg_shopify__refunds') }}
    where is_current and not is_deleted

),

adjustments as (

    select
        refund_id,
        -sum(coalesce(amount, 0) + coalesce(tax_amount, 0)) as adjustment_amount
    from {{ ref('stg_shopify__refund_adjustments') }}
    where is_current
    group by 1

),

final as (

    select
        cast(refunds.refund_id as {{ dbt.type_string() }}) as refund_id,
        cast(refunds.order_id as {{ dbt.type_string() }}) as order_id,
        refunds.refund_amount,
        adjustments.adjustment_amount,
        refunds.refunded_at,
        refunds.loaded_at
    from refunds
    left join adjustments on refunds.refund_id = adjustments.refund_id

)

select * from final
