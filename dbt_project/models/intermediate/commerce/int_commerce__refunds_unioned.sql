{{ config(materialized='view') }}
{#
    grain: one row per refund and source; key: source, refund_id
    rebuild: nothing is stored; the current version of each record that its source has not deleted
    why here: FURTHER SOURCES OF REFUNDS ENTER HERE: one staging model with these columns, one `union all` block
#}
with refunded_lines as (

    select
        'shopify' as source,
        refund_id,
        coalesce(subtotal_amount, 0) + coalesce(tax_amount, 0) as line_amount
    from {{ ref('stg_shopify__order_line_refunds') }}
    where is_current and not is_deleted

    union all

    select
        'shopify_graphql' as source,
        refund_id,
        coalesce(subtotal_amount, 0) + coalesce(tax_amount, 0) as line_amount
    from {{ ref('stg_shopify_graphql__order_line_refunds') }}
    where is_current and not is_deleted

),

line_totals as (

    select
        source,
        refund_id,
        sum(line_amount) as line_amount
    from refunded_lines
    group by 1, 2

),

unioned as (

    -- Fivetran's REST connector gives a refund no amount; its lines have one.
    select
        'shopify' as source,
        refund_id,
        order_id,
        refund_amount,
        refunded_at,
        loaded_at
    from {{ ref('stg_shopify__refunds') }}
    where is_current and not is_deleted

    union all

    select
        'shopify_graphql' as source,
        refund_id,
        order_id,
        refund_amount,
        refunded_at,
        loaded_at
    from {{ ref('stg_shopify_graphql__refunds') }}
    where is_current and not is_deleted

),

final as (

    select
        unioned.source,
        cast(unioned.refund_id as {{ dbt.type_string() }}) as refund_id,
        cast(unioned.order_id as {{ dbt.type_string() }}) as order_id,
        {{ money('coalesce(unioned.refund_amount, line_totals.line_amount, 0)') }}
            as refund_amount,
        unioned.refunded_at,
        unioned.loaded_at
    from unioned
    left join line_totals
        on unioned.source = line_totals.source and unioned.refund_id = line_totals.refund_id

)

select * from final
