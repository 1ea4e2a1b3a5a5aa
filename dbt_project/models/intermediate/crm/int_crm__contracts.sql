{#
    grain: one row per contract with a company or a person; key: contract_id
    why here: a contract without a contact of its own belongs to its deal's
#}
with stated as (

    {{ union_concept('contracts') }}

),

deal_merges as (

    select * from {{ ref('int_crm__deal_merges') }}

),

deals as (

    select * from {{ ref('int_crm__deals') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

final as (

    select
        stated.contract_id,
        deals.deal_id,
        coalesce(identifiers.identifier_no, deals.identifier_no) as identifier_no,
        coalesce(stated.company_id, deals.company_id) as company_id,
        coalesce(stated.owner_id, deals.owner_id) as owner_id,
        stated.source,
        stated.contract_number,
        stated.status,
        stated.term_months,
        stated.start_date,
        stated.end_date,
        stated.created_at is null as is_occurred_at_estimated,
        coalesce(stated.created_at, stated.updated_at, stated.loaded_at) as occurred_at
    from stated
    left join deal_merges on stated.source = deal_merges.source and stated.deal_id = deal_merges.merged_deal_id
    left join deals
        on
            stated.source = deals.source
            and coalesce(deal_merges.deal_id, stated.deal_id) = deals.deal_id
    left join identifiers
        on
            stated.identifier_type = identifiers.identifier_type
            and stated.identifier_value = identifiers.identifier_value

)

select * from final
