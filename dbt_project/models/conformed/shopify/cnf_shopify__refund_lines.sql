{{ config(materialized='view') }}
{#
    grain: one row per refunded or removed line that is not deleted; key: refund_line_id
    rebuild: a view over staging
#}
with refund_lines as (

    select * from {{ ref('stg_shopify__order_line_refunds') }}
    where is_current and not is_deleted

),

final as (

    select
        cast(order_line_refund_id as {{ dbt.type_string() }}) as refund_line_id,
        cast(refund_id as {{ dbt.type_string() }}) as refund_id,
        order_line_id,
        quantity,
        coalesce(subtotal_amount, 0) + coalesce(tax_amount, 0) as line_amount,
        loaded_at
    from refund_lines

)

select * from final
