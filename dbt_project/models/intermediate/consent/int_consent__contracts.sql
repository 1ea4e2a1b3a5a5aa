{{ config(materialized='view') }}
{#
    grain: one row per (source, identifier) with an order or a deal, and the date of the first one
    rebuild: a view over orders and conformed deals
    why here: a contract is a legal basis for customer service without consent
#}
with

orders as (

    select * from {{ ref('int_commerce__orders_unioned') }}
    where not is_test

),

deals as (

    {{ union_concept('deals') }}

),

deal_contacts as (

    {{ union_concept('deal_contacts') }}

),

contracts as (

    select
        source,
        identifier_type,
        identifier_value,
        ordered_at as contracted_at
    from orders

    union all

    select
        deal_contacts.source,
        deal_contacts.identifier_type,
        deal_contacts.identifier_value,
        coalesce(deals.created_at, deals.loaded_at) as contracted_at
    from deal_contacts
    inner join deals
        on deal_contacts.source = deals.source and deal_contacts.deal_id = deals.deal_id

),

final as (

    select
        source,
        identifier_type,
        identifier_value,
        min(contracted_at) as contracted_at
    from contracts
    group by 1, 2, 3

)

select * from final
