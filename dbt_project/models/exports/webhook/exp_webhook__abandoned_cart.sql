{{ config(meta={'clock': [{'relation': 'dim_consents', 'column': 'expires_at'}]}) }}
{#
    grain: one row per abandoned checkout whose customer may be e-mailed; key: record_key
    why here: the record is removed when the cart is bought or too old; the receiver then stops the
        reminder
#}
with carts as (

    select * from {{ ref('seg_abandoned_cart') }}

),

customers as (

    select
        customer_id,
        email,
        first_name
    from {{ ref('dim_customers') }}
    where email is not null

),

allowed as (

    select * from {{ consented('carts') }} as consented_carts

),

final as (

    select
        allowed.checkout_id as record_key,
        allowed.customer_id,
        customers.email,
        customers.first_name,
        allowed.currency_code,
        allowed.total_amount,
        allowed.abandoned_at as left_at
    from allowed
    inner join customers on allowed.customer_id = customers.customer_id

)

select * from final
