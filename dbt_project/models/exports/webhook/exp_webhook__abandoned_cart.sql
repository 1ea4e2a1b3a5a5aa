{#
    grain: one row per abandoned checkout whose customer may be e-mailed; key: record_key
    why here: a record goes when the cart is bought or grows too old, so that the receiver stops the reminder
#}
with carts as (

    select * from {{ ref('seg_abandoned_cart') }}

),

customers as (

    select
        customer_id,
        email,
        first_name,
    from {{ ref('dim_customers') }}
    where email is not null

),

consents as (

    select customer_id from {{ consented_customers('email_marketing', 'email') }} as granted

),

final as (

    select
        carts.checkout_id as record_key,
        carts.customer_id,
        customers.email,
        customers.first_name,
        carts.currency_code,
        carts.total_amount,
        carts.abandoned_at as left_at,
    from carts
    inner join customers on carts.customer_id = customers.customer_id
    inner join consents on carts.customer_id = consents.customer_id

)

select * from final
