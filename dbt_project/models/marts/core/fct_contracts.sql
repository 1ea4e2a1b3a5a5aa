{#
    grain: one row per contract; key: contract_id
#}
with contracts as (

    select * from {{ ref('int_crm__contracts') }}

),

customers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}

),

companies as (

    select
        source,
        source_company_id,
        company_id
    from {{ ref('int_crm__company_records') }}

),

final as (

    select
        contracts.contract_id,
        customers.customer_id,
        contracts.deal_id,
        companies.company_id,
        contracts.owner_id,
        contracts.source,
        contracts.contract_number,
        contracts.status,
        contracts.term_months,
        contracts.is_occurred_at_estimated,
        contracts.start_date,
        contracts.end_date,
        contracts.occurred_at
    from contracts
    left join customers on contracts.identifier_no = customers.identifier_no
    left join companies
        on contracts.source = companies.source and contracts.company_id = companies.source_company_id

)

select * from final
