{#
    grain: one row per refund of an order; key: source, refund_id
#}
with refunds as (

    select * from {{ ref('int_commerce__refunds') }}

),

orders as (

    select * from {{ ref('int_commerce__orders') }}

),

rates as (

    select * from {{ ref('int_commerce__reporting_rates') }}

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}

),

final as (

    select
        refunds.refund_id,
        refunds.order_id,
        customers.customer_id,
        refunds.source,
        orders.currency_code,
        {% for amount in ['refund_amount', 'reduction_amount', 'line_amount'] -%}
            refunds.{{ amount }},
            {{ money('refunds.' ~ amount ~ ' * rates.rate_to_reporting', 18) }} as {{ amount }}_reporting,
        {% endfor -%}
        orders.reporting_currency,
        refunds.refunded_at is null as is_occurred_at_estimated,
        coalesce(refunds.refunded_at, refunds.loaded_at) as occurred_at
    from refunds
    -- Refunds come from the same source as the order that was kept.
    inner join orders on refunds.source = orders.source and refunds.order_id = orders.order_id
    left join rates on orders.currency_code = rates.currency_code
    left join customers on orders.identifier_no = customers.identifier_no

)

select * from final
