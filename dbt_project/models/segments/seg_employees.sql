{#
    grain: one row per employee of the company; key: customer_id
    why here: every audience leaves them out; exports to payroll or a test list may need them
#}
with customers as (

    select * from {{ ref('dim_customers') }}
    where is_employee

),

final as (

    select
        customer_id,
        is_identified
    from customers

)

select * from final
