{#
    grain: one row per order; key: order_id
    why here: a customer's first order depends on identity resolution, so it is computed after the
        bridge
#}
with orders as (

    select * from {{ ref('int_commerce__orders') }}

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}

),

joined as (

    select
        orders.*,
        customers.customer_id,
        row_number() over (
            partition by customers.customer_id, orders.is_purchase
            order by orders.occurred_at, orders.order_id
        ) as order_index
    from orders
    left join customers on orders.identifier_no = customers.identifier_no

),

final as (

    select
        order_id,
        customer_id,
        cart_id,
        checkout_id,
        source,
        order_name,
        status,
        currency_code,
        total_amount,
        total_amount_reporting,
        tax_amount,
        tax_amount_reporting,
        discount_amount,
        discount_amount_reporting,
        shipping_amount,
        shipping_amount_reporting,
        tip_amount,
        tip_amount_reporting,
        duties_amount,
        duties_amount_reporting,
        gift_card_amount,
        gift_card_amount_reporting,
        refunded_amount,
        refunded_amount_reporting,
        net_amount,
        net_amount_reporting,
        reporting_currency,
        is_tax_included,
        city,
        region,
        country_code,
        line_count,
        item_count,
        customer_id is not null and is_purchase and order_index = 1 as is_first_order,
        is_purchase,
        is_cancelled,
        is_test,
        is_occurred_at_estimated,
        occurred_at,
        cancelled_at
    from joined

)

select * from final
