{{ config(materialized='view') }}
{#
    grain: one row per refund that is not deleted; key: refund_id
    rebuild: a view over staging
#}
with refunds as (

    select * from {{ ref('stg_shopify__refunds') }}
    where is_current and not is_deleted

),

line_totals as (

    select
        refund_id,
        sum(coalesce(subtotal_amount, 0) + coalesce(tax_amount, 0)) as line_amount
    from {{ ref('stg_shopify__order_line_refunds') }}
    where is_current and not is_deleted
    group by 1

),

final as (

    select
        cast(refunds.refund_id as {{ dbt.type_string() }}) as refund_id,
        cast(refunds.order_id as {{ dbt.type_string() }}) as order_id,
        -- The REST connector has no amount per refund, only per refunded line.
        coalesce(refunds.refund_amount, line_totals.line_amount, 0) as refund_amount,
        refunds.refunded_at,
        refunds.loaded_at
    from refunds
    left join line_totals on refunds.refund_id = line_totals.refund_id

)

select * from final
