{#
    grain: one row per customer with at least one order; key: customer_id
#}
with orders as (

    select * from {{ ref('int_commerce__orders') }}

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}
    where customer_id is not null

),

final as (

    select
        customers.customer_id,
        sum(case when orders.is_purchase then 1 else 0 end) as order_count,
        sum(case when orders.is_cancelled and not orders.is_test then 1 else 0 end)
            as cancelled_order_count,
        -- Unknown where one order has no rate: a sum of the others would look complete.
        case
            when sum(case when orders.net_amount <> 0 and orders.net_amount_reporting is null then 1 else 0 end) = 0
                then {{ money('sum(coalesce(orders.net_amount_reporting, 0))', 18) }}
        end as lifetime_revenue_amount,
        min(case when orders.is_purchase then orders.occurred_at end) as first_order_at,
        max(case when orders.is_purchase then orders.occurred_at end) as last_order_at
    from orders
    inner join customers on orders.identifier_no = customers.identifier_no
    group by 1

)

select * from final
