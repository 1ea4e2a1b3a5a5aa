{#
    grain: one row per checkout; key: checkout_id
#}
with checkouts as (

    select * from {{ ref('int_commerce__checkouts') }}

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}

),

final as (

    select
        checkouts.checkout_id,
        customers.customer_id,
        checkouts.cart_id,
        checkouts.source,
        checkouts.currency_code,
        checkouts.total_amount,
        checkouts.is_completed,
        checkouts.is_occurred_at_estimated,
        checkouts.occurred_at,
        checkouts.completed_at
    from checkouts
    left join customers on checkouts.identifier_no = customers.identifier_no

)

select * from final
