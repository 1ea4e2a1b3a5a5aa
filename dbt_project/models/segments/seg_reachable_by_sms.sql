{#
    grain: one row per customer whom a text message reaches; key: customer_id
    why here: a purpose still needs its own consent; exports check it
#}
with customers as (

    select * from {{ ref('dim_customers') }}
    where
        not is_employee
        and is_sms_reachable

),

final as (

    select
        customer_id,
        phone_status
    from customers

)

select * from final
