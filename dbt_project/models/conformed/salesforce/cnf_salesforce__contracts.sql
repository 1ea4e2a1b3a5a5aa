{{ config(materialized='view') }}
{#
    grain: one row per contract, and per deal with contract fields of its own; key: contract_id
    rebuild: a view over staging
#}
with contracts as (

    select * from {{ ref('stg_salesforce__contracts') }}
    where is_current and not is_deleted

),

deals as (

    select * from {{ ref('stg_salesforce__deals') }}
    where is_current and not is_deleted

),

{# A renewal refers to the contract that it renews: the newest deal of a contract is its deal. #}
deals_of_contracts as (

    select * from deals
    where contract_id is not null
    qualify
        row_number() over (
            partition by contract_id
            order by created_at desc nulls last, deal_id asc
        ) = 1

),

unioned as (

    select
        contracts.contract_id,
        deals_of_contracts.deal_id,
        coalesce(contracts.company_id, deals_of_contracts.company_id) as company_id,
        coalesce(contracts.owner_id, deals_of_contracts.owner_id) as owner_id,
        contracts.contact_id,
        contracts.contract_number,
        contracts.contract_status as status,
        contracts.term_months,
        contracts.contract_start_date as start_date,
        contracts.contract_end_date as end_date,
        contracts.created_at,
        contracts.updated_at,
        contracts.loaded_at
    from contracts
    left join deals_of_contracts on contracts.contract_id = deals_of_contracts.contract_id

    union all

    select
        'deal:' || deals.deal_id as contract_id,
        deals.deal_id,
        deals.company_id,
        deals.owner_id,
        null as contact_id,
        null as contract_number,
        deals.contract_status as status,
        null as term_months,
        null as start_date,
        deals.contract_end_date as end_date,
        deals.created_at,
        deals.updated_at,
        deals.loaded_at
    from deals
    left join contracts on deals.contract_id = contracts.contract_id
    where
        contracts.contract_id is null
        and (deals.contract_status is not null or deals.contract_end_date is not null)

),

final as (

    select
        cast(contract_id as {{ dbt.type_string() }}) as contract_id,
        cast(deal_id as {{ dbt.type_string() }}) as deal_id,
        cast(company_id as {{ dbt.type_string() }}) as company_id,
        cast(owner_id as {{ dbt.type_string() }}) as owner_id,
        case when contact_id is not null then 'salesforce_contact_id' end as identifier_type,
        cast(contact_id as {{ dbt.type_string() }}) as identifier_value,
        contract_number,
        status,
        cast(term_months as {{ dbt.type_bigint() }}) as term_months,
        start_date,
        -- A contract without an end ends after its term.
        coalesce(
            end_date,
            cast(
                {{ dbt.dateadd('day', -1, dbt.dateadd('month', 'term_months', 'start_date')) }} as date
            )
        ) as end_date,
        created_at,
        updated_at,
        loaded_at
    from unioned

)

select * from final
