{{ config(materialized='view') }}
{#
    grain: one row per deal with a contract; key: contract_id
    rebuild: a view over staging
#}
with deals as (

    select * from {{ ref('cnf_hubspot__deals') }}

),

stated as (

    select * from {{ ref('stg_hubspot__deals') }}
    where is_current and not is_deleted

),

final as (

    select
        'deal:' || deals.deal_id as contract_id,
        deals.deal_id,
        deals.company_id,
        deals.owner_id,
        -- The contract is its deal's: so is the customer.
        cast(null as {{ dbt.type_string() }}) as identifier_type,
        cast(null as {{ dbt.type_string() }}) as identifier_value,
        cast(null as {{ dbt.type_string() }}) as contract_number,
        deals.contract_status as status,
        cast(null as {{ dbt.type_bigint() }}) as term_months,
        stated.contract_start_date as start_date,
        deals.contract_end_date as end_date,
        deals.created_at,
        deals.updated_at,
        deals.loaded_at
    from deals
    inner join stated on deals.deal_id = cast(stated.deal_id as {{ dbt.type_string() }})
    where
        deals.contract_status is not null
        or deals.contract_end_date is not null
        or stated.contract_start_date is not null

)

select * from final
