{#
    grain: one row per customer with at least one ticket; key: customer_id
#}
with tickets as (

    select * from {{ ref('int_support__tickets') }}

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}
    where customer_id is not null

),

final as (

    select
        customers.customer_id,
        count(*) as ticket_count,
        sum(case when tickets.is_closed then 0 else 1 end) as open_ticket_count,
        max(tickets.occurred_at) as last_ticket_at
    from tickets
    inner join customers on tickets.identifier_no = customers.identifier_no
    group by 1

)

select * from final
