{{ config(materialized='changed_rows') }}
{#
    grain: one row per order; key: order_id
    why here: the value of an order (refunds, cancellations, tests, currency) is computed once;
        customer_id is joined in the marts
#}
{% set reporting_currency = var('reporting_currency', 'EUR') | upper %}
with orders as (

    select *
    from {{ ref('int_commerce__orders_unioned') }}
    where missing_columns is null

),

refunds as (

    select
        source,
        order_id,
        sum(refund_amount) as refunded_amount
    from {{ ref('int_commerce__refunds_unioned') }}
    group by 1, 2

),

lines as (

    select
        source,
        order_id,
        count(*) as line_count,
        sum(quantity) as item_count
    from {{ ref('int_commerce__order_lines_unioned') }}
    group by 1, 2

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

rates as (

    select * from {{ ref('int_commerce__reporting_rates') }}

),

valued as (

    select
        orders.*,
        identifiers.identifier_no,
        {{ money('coalesce(refunds.refunded_amount, 0)', 18) }} as refunded_amount,
        cast(coalesce(lines.line_count, 0) as bigint) as line_count,
        cast(coalesce(lines.item_count, 0) as bigint) as item_count,
        orders.cancelled_at is not null as is_cancelled,
        -- Tests, cancelled orders and voided payments have no revenue, whatever their total.
        case
            when
                orders.is_test
                or orders.cancelled_at is not null
                or coalesce(orders.financial_status, '') = 'voided'
                then {{ money('0') }}
            else
                {{ money('coalesce(orders.total_amount, 0) - coalesce(refunds.refunded_amount, 0)', 18) }}
        end as net_amount,
        rates.rate_to_reporting
    from orders
    left join refunds
        on orders.source = refunds.source and orders.order_id = refunds.order_id
    left join lines
        on orders.source = lines.source and orders.order_id = lines.order_id
    left join identifiers
        on
            orders.identifier_type = identifiers.identifier_type
            and orders.identifier_value = identifiers.identifier_value
    left join rates on orders.currency_code = rates.currency_code

),

final as (

    select
        order_id,
        identifier_no,
        cart_id,
        checkout_id,
        source,
        order_name,
        case
            when is_test then 'test'
            when is_cancelled then 'cancelled'
            when total_amount < 0 then 'credit'
            when refunded_amount > 0 and refunded_amount >= total_amount then 'refunded'
            when refunded_amount > 0 then 'partially_refunded'
            else coalesce(financial_status, 'unknown')
        end as status,
        currency_code,
        city,
        region,
        country_code,
        total_amount,
        refunded_amount,
        net_amount,
        {{ money('net_amount * rate_to_reporting') }} as net_amount_reporting,
        '{{ reporting_currency }}' as reporting_currency,
        line_count,
        item_count,
        is_cancelled,
        is_test,
        -- A negative total is a credit note.
        not is_test
        and not is_cancelled
        and coalesce(financial_status, '') <> 'voided'
        and coalesce(total_amount, 0) >= 0 as is_purchase,
        cancelled_at,
        is_occurred_at_estimated,
        ordered_at as occurred_at,
        loaded_at
    from valued

)

select * from final
