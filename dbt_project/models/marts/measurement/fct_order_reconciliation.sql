{#
    grain: one row per source, month of the order and currency; key: reconciliation_key
    why here: what the facts say beside what the source itself says, so that a difference is seen
        before a reader finds it
#}
with orders as (

    select
        *,
        cast({{ dbt.date_trunc('month', 'occurred_at') }} as date) as month_date
    from {{ ref('fct_orders') }}

),

lines as (

    select
        source,
        order_id,
        sum(line_amount) as line_amount
    from {{ ref('fct_order_lines') }}
    group by 1, 2

),

recorded as (

    select
        *,
        cast({{ dbt.date_trunc('month', 'ordered_at') }} as date) as month_date
    from {{ ref('int_commerce__orders_unioned') }}

),

ours as (

    select
        orders.source,
        orders.month_date,
        orders.currency_code,
        count(*) as order_count,
        sum(lines.line_amount) as line_amount,
        sum(orders.total_amount) as total_amount,
        sum(orders.discount_amount) as discount_amount,
        sum(orders.tax_amount) as tax_amount,
        sum(orders.shipping_amount) as shipping_amount,
        sum(orders.gift_card_amount) as gift_card_amount,
        sum(orders.refunded_amount) as refunded_amount,
        sum(orders.net_amount) as net_amount
    from orders
    left join lines on orders.source = lines.source and orders.order_id = lines.order_id
    where not orders.is_test and not orders.is_cancelled and orders.total_amount >= 0
    group by 1, 2, 3

),

theirs as (

    select
        source,
        month_date,
        coalesce(currency_code, 'unknown') as currency_code,
        count(*) as source_order_count,
        sum(total_amount) as source_total_amount,
        sum(current_total_amount) as source_current_amount,
        sum(case when current_total_amount is null then 1 else 0 end) as uncounted
    from recorded
    where not is_test and cancelled_at is null and total_amount >= 0
    group by 1, 2, 3

),

final as (

    select
        theirs.source
        || '|' || cast(theirs.month_date as {{ dbt.type_string() }})
        || '|' || theirs.currency_code as reconciliation_key,
        theirs.source,
        theirs.currency_code,
        cast(coalesce(ours.order_count, 0) as bigint) as order_count,
        cast(theirs.source_order_count as bigint) as source_order_count,
        {{ money('coalesce(ours.total_amount, 0)', 18) }} as total_amount,
        {{ money('coalesce(theirs.source_total_amount, 0)', 18) }} as source_total_amount,
        {{ money('ours.line_amount', 18) }} as line_amount,
        {{ money('ours.discount_amount', 18) }} as discount_amount,
        {{ money('ours.tax_amount', 18) }} as tax_amount,
        {{ money('ours.shipping_amount', 18) }} as shipping_amount,
        {{ money('ours.gift_card_amount', 18) }} as gift_card_amount,
        {{ money('ours.refunded_amount', 18) }} as refunded_amount,
        {{ money('coalesce(ours.net_amount, 0)', 18) }} as net_amount,
        -- Only where the source says it of each order.
        {{ money('case when theirs.uncounted = 0 then theirs.source_current_amount end', 18) }}
            as source_current_amount,
        {{ money('coalesce(theirs.source_total_amount, 0) - coalesce(ours.total_amount, 0)', 18) }}
            as missing_amount,
        theirs.month_date
    from theirs
    left join ours
        on
            theirs.source = ours.source
            and theirs.month_date = ours.month_date
            and theirs.currency_code = ours.currency_code

)

select * from final
