{#
    grain: one row per customer with an open support ticket; key: customer_id
#}
with customers as (

    select * from {{ ref('dim_customers') }}
    where
        not is_employee
        and open_ticket_count > 0

),

final as (

    select
        customer_id,
        open_ticket_count,
        last_ticket_at
    from customers

)

select * from final
