{#
    grain: one row per customer whose address or phone does not work; key: customer_id
#}
with customers as (

    select * from {{ ref('dim_customers') }}
    where email_status = 'bounced' or phone_status = 'bounced'

),

final as (

    select
        customer_id,
        email_status,
        phone_status
    from customers

)

select * from final
