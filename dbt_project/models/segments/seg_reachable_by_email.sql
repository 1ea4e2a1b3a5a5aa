{#
    grain: one row per customer whom an e-mail reaches; key: customer_id
    why here: a purpose still needs its own consent; exports check it
#}
with customers as (

    select * from {{ ref('dim_customers') }}
    where
        not is_employee
        and is_email_reachable

),

final as (

    select
        customer_id,
        email_status
    from customers

)

select * from final
