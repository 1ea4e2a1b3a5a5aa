{{ config(materialized='view') }}
{#
    grain: one row per deal that is not deleted; key: deal_id
    rebuild: a view over staging
#}
with deals as (

    select * from {{ ref('stg_hubspot__deals') }}
    where is_current and not is_deleted

),

{# A deal may have several companies: the smallest id is used. #}
companies as (

    select
        deal_id,
        min(company_id) as company_id
    from {{ ref('stg_hubspot__companies_deals') }}
    where is_current and not is_deleted
    group by 1

),

final as (

    select
        cast(deals.deal_id as {{ dbt.type_string() }}) as deal_id,
        cast(deals.stage_id as {{ dbt.type_string() }}) as stage_id,
        cast(deals.owner_id as {{ dbt.type_string() }}) as owner_id,
        cast(companies.company_id as {{ dbt.type_string() }}) as company_id,
        cast(null as double) as probability,
        deals.deal_name,
        deals.amount,
        upper(deals.currency_code) as currency_code,
        deals.won_reason,
        deals.lost_reason,
        deals.contract_status,
        deals.is_won,
        deals.is_closed,
        deals.contract_end_date,
        deals.close_date,
        deals.created_at,
        deals.closed_at,
        deals.updated_at,
        deals.loaded_at
    from deals
    left join companies on deals.deal_id = companies.deal_id

)

select * from final
