{#
    grain: one row per company and customer who belongs to it; key: company_id, customer_id
    why here: who belongs to a company is stated by its source, or follows from an address at its
        domain
#}
with links as (

    {{ union_concept('company_contacts') }}

),

records as (

    select * from {{ ref('int_crm__company_records') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

customers as (

    select * from {{ ref('int_identity__customer_identifiers') }}
    where customer_id is not null

),

domains as (

    select distinct
        company_id,
        domain
    from records
    where domain is not null

),

addressed as (

    select
        domains.company_id,
        customers.customer_id
    from customers
    inner join identifiers on customers.identifier_no = identifiers.identifier_no
    inner join domains
        on {{ dbt.split_part('identifiers.identifier_value', "'@'", 2) }} = domains.domain
    where identifiers.identifier_type = 'email'

),

stated as (

    select
        records.company_id,
        customers.customer_id
    from links
    inner join records
        on links.source = records.source and links.company_id = records.source_company_id
    inner join identifiers
        on
            links.identifier_type = identifiers.identifier_type
            and links.identifier_value = identifiers.identifier_value
    inner join customers on identifiers.identifier_no = customers.identifier_no

),

final as (

    select * from addressed

    union

    select * from stated

)

select * from final
