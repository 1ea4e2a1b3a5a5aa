{{ config(materialized='changed_rows') }}
{#
    grain: one row per order; key: order_id
    why here: the value of an order (edits, refunds, gift cards, cancellations, tests, currency) is
        computed once;
        customer_id is joined in the marts
#}
{% set reporting_currency = var('reporting_currency', 'EUR') | upper %}
{% set amounts = [
    'total_amount', 'tax_amount', 'discount_amount', 'shipping_amount', 'tip_amount', 'duties_amount',
    'gift_card_amount', 'refunded_amount', 'net_amount',
] %}
{# A draft was not ordered; an authorisation that was voided or expired was not paid. #}
{% set unpaid = "('voided', 'expired', 'draft', 'checkout-draft', 'failed', 'trash')" %}
with orders as (

    select *
    from {{ ref('int_commerce__orders_unioned') }}
    where missing_columns is null

),

refunds as (

    select
        source,
        order_id,
        sum(refund_amount) as refunded_amount,
        sum(reduction_amount) as reduction_amount,
        sum(line_amount) as line_amount,
        sum(gift_card_amount) as gift_card_amount
    from {{ ref('int_commerce__refunds') }}
    group by 1, 2

),

lines as (

    select
        source,
        order_id,
        count(*) as line_count,
        sum(quantity) as item_count,
        sum(case when is_gift_card then quantity * unit_price_amount - discount_amount else 0 end) as gift_card_amount
    from {{ ref('int_commerce__order_lines_unioned') }}
    group by 1, 2

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

rates as (

    select * from {{ ref('int_commerce__reporting_rates') }}

),

-- What the shop says an order is worth now may differ from its refunds: items were added later, or
-- removed without a refund.
counted as (

    select
        orders.*,
        identifiers.identifier_no,
        coalesce(refunds.refunded_amount, 0) as refunded_amount,
        coalesce(lines.line_count, 0) as line_count,
        coalesce(lines.item_count, 0) as item_count,
        orders.cancelled_at is not null as is_cancelled,
        coalesce(orders.financial_status, '') in {{ unpaid }} as is_unpaid,
        coalesce(
            case
                when refunds.order_id is null then least(orders.current_total_amount, orders.total_amount)
                else orders.total_amount - refunds.reduction_amount
            end,
            orders.total_amount
        )
        + coalesce(
            greatest(orders.current_total_amount + coalesce(refunds.line_amount, 0) - orders.total_amount, 0), 0
        ) as kept_amount,
        greatest(coalesce(lines.gift_card_amount, 0) - coalesce(refunds.gift_card_amount, 0), 0)
        + coalesce(orders.tip_amount, 0) as passed_on_amount,
        coalesce(lines.gift_card_amount, 0) as gift_card_amount,
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

valued as (

    select
        *,
        -- Tests, cancelled orders and those that were never paid have no revenue, whatever their total.
        case
            when is_test or is_cancelled or is_unpaid then 0
            -- A gift card is a debt until it is redeemed, and a tip is not the shop's.
            else kept_amount - least(passed_on_amount, greatest(kept_amount, 0))
        end as net_amount
    from counted

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
            when is_unpaid then financial_status
            when refunded_amount > 0 and refunded_amount >= total_amount then 'refunded'
            when refunded_amount > 0 then 'partially_refunded'
            else coalesce(financial_status, 'unknown')
        end as status,
        currency_code,
        city,
        region,
        country_code,
        {% for amount in amounts -%}
            {{ money(amount, 18) }} as {{ amount }},
            {{ money(amount ~ ' * rate_to_reporting', 18) }} as {{ amount }}_reporting,
        {% endfor -%}
        '{{ reporting_currency }}' as reporting_currency,
        is_tax_included,
        cast(line_count as bigint) as line_count,
        cast(item_count as bigint) as item_count,
        is_cancelled,
        is_test,
        -- A negative total is a credit note.
        not is_test
        and not is_cancelled
        and not is_unpaid
        and coalesce(total_amount, 0) >= 0 as is_purchase,
        cancelled_at,
        is_occurred_at_estimated,
        ordered_at as occurred_at,
        loaded_at
    from valued

)

select * from final
