{#
    grain: one row per refund and source; key: source, refund_id
    why here: what a customer got back and what his order is worth less are two amounts: an item that
        was removed before it was paid reduces the order and refunds nothing
#}
with refunds as (

    select * from {{ ref('int_commerce__refunds_unioned') }}

),

refund_lines as (

    select * from {{ ref('int_commerce__refund_lines_unioned') }}

),

order_lines as (

    select * from {{ ref('int_commerce__order_lines_unioned') }}

),

totals as (

    select
        refund_lines.source,
        refund_lines.refund_id,
        sum(refund_lines.line_amount) as line_amount,
        sum(case when order_lines.is_gift_card then refund_lines.line_amount else 0 end) as gift_card_amount
    from refund_lines
    left join order_lines
        on
            refund_lines.source = order_lines.source
            and refund_lines.order_line_id = order_lines.order_line_id
    group by 1, 2

),

valued as (

    select
        refunds.*,
        coalesce(totals.line_amount, 0) as line_amount,
        coalesce(totals.gift_card_amount, 0) as gift_card_amount,
        greatest(coalesce(totals.line_amount, 0) + coalesce(refunds.adjustment_amount, 0), 0) as adjusted_amount
    from refunds
    left join totals on refunds.source = totals.source and refunds.refund_id = totals.refund_id

),

final as (

    select
        source,
        refund_id,
        order_id,
        -- Some loaders have no amount per refund: its lines and adjustments have it.
        {{ money('coalesce(refund_amount, adjusted_amount)', 18) }} as refund_amount,
        {{ money('line_amount', 18) }} as line_amount,
        {{ money('gift_card_amount', 18) }} as gift_card_amount,
        -- Without money and without an adjustment that keeps it, the lines were removed.
        {{ money('case when coalesce(refund_amount, 0) > 0 then refund_amount else adjusted_amount end', 18) }}
            as reduction_amount,
        refunded_at,
        loaded_at
    from valued

)

select * from final
