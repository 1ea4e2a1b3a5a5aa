{{ config(materialized='view') }}
{#
    grain: one row per refund and source; key: source, refund_id
    rebuild: nothing is stored; the current version of each record that its source has not deleted
    why here: FURTHER SOURCES OF REFUNDS ENTER HERE: one staging model with these columns, one `union all` block
#}
with refunded_lines as (

    select
        refund_id,
        sum(coalesce(subtotal_amount, 0) + coalesce(tax_amount, 0)) as refund_amount,
    from {{ ref('stg_shopify__order_line_refunds') }}
    where is_current and not is_deleted
    group by 1

),

unioned as (

    -- REST: the refund itself has no amount, its lines have.
    select
        'shopify' as source,
        refunds.refund_id,
        refunds.order_id,
        refunded_lines.refund_amount,
        refunds.refunded_at,
    from {{ ref('stg_shopify__refunds') }} as refunds
    left join refunded_lines on refunds.refund_id = refunded_lines.refund_id
    where refunds.is_current and not refunds.is_deleted

    union all

    select
        'shopify_graphql' as source,
        refund_id,
        order_id,
        refund_amount,
        refunded_at,
    from {{ ref('stg_shopify_graphql__refunds') }}
    where is_current and not is_deleted

),

final as (

    select
        source,
        cast(refund_id as {{ dbt.type_string() }}) as refund_id,
        cast(order_id as {{ dbt.type_string() }}) as order_id,
        {{ money('coalesce(refund_amount, 0)') }} as refund_amount,
        refunded_at,
    from unioned

)

select * from final
