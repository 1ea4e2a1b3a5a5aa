{#
    grain: one row per deal and person in it; key: deal_id, customer_id
    why here: two contacts of a deal may be one customer
#}
with deal_contacts as (

    select * from {{ ref('int_crm__deal_contacts') }}

),

deals as (

    select
        deal_id,
        source
    from {{ ref('fct_deals') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

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
        deals.deal_id,
        customers.customer_id,
        deals.source,
        min(deal_contacts.contact_role) as contact_role,
        max(case when deal_contacts.is_primary then 1 else 0 end) = 1 as is_primary
    from deal_contacts
    inner join deals
        on deal_contacts.source = deals.source and deal_contacts.deal_id = deals.deal_id
    inner join identifiers
        on
            deal_contacts.identifier_type = identifiers.identifier_type
            and deal_contacts.identifier_value = identifiers.identifier_value
    inner join customers on identifiers.identifier_no = customers.identifier_no
    group by 1, 2, 3

)

select * from final
