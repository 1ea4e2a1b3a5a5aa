{#
    grain: one row per checkout; key: checkout_id
#}
with checkouts as (

    select * from {{ ref('int_commerce__checkouts') }}

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
        checkouts.checkout_id,
        customers.customer_id,
        checkouts.cart_id,
        checkouts.source,
        checkouts.currency_code,
        checkouts.total_amount,
        {{ money('checkouts.total_amount * rates.rate_to_reporting', 18) }} as total_amount_reporting,
        '{{ var('reporting_currency', 'EUR') | upper }}' as reporting_currency,
        checkouts.is_completed,
        checkouts.is_occurred_at_estimated,
        checkouts.occurred_at,
        checkouts.completed_at
    from checkouts
    left join rates on checkouts.currency_code = rates.currency_code
    left join customers on checkouts.identifier_no = customers.identifier_no

)

select * from final
