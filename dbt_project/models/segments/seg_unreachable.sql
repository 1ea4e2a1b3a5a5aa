{#
    grain: one row per person whom neither an e-mail nor a text message reaches; key: customer_id
    why here: an anonymous device has no address to begin with
#}
with customers as (

    select * from {{ ref('dim_customers') }}
    where
        not is_employee
        and is_identified
        and not is_email_reachable
        and not is_sms_reachable

),

final as (

    select
        customer_id,
        order_count,
        email_status,
        phone_status
    from customers

)

select * from final
