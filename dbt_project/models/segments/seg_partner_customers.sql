{#
    grain: one row per customer whom a partner knows too; key: customer_id
    why here: only records under a live licence have an identifier
#}
with customers as (

    select customer_id from {{ ref('dim_customers') }}
    where not is_employee

),

partner_records as (

    select * from {{ ref('bdg_customer_identifiers') }}
    where identifier_type = 'partner_record_id' and identifier_status = 'usable'

),

final as (

    select
        customers.customer_id,
        cast(count(*) as bigint) as partner_record_count
    from customers
    inner join partner_records on customers.customer_id = partner_records.customer_id
    group by 1

)

select * from final
