{{ config(materialized='view') }}
{#
    grain: one row per deal and source; key: source, deal_id
    rebuild: nothing is stored; the current version of each record that its source has not deleted
    why here: FURTHER CRM SOURCES ENTER HERE: one staging model with these columns, one more `union all` block
#}
with unioned as (

    select
        'hubspot' as source,
        deal_id,
        pipeline_id,
        stage_id,
        owner_id,
        cast(null as {{ dbt.type_string() }}) as contact_id,
        cast(null as {{ dbt.type_string() }}) as company_id,
        deal_name,
        cast(null as double) as probability,
        amount,
        currency_code,
        won_reason,
        lost_reason,
        contract_status,
        is_won,
        is_closed,
        contract_end_date,
        created_at,
        closed_at,
        updated_at,
        loaded_at
    from {{ ref('stg_hubspot__deals') }}
    where is_current and not is_deleted

    union all

    select
        'salesforce' as source,
        deal_id,
        pipeline_id,
        stage_id,
        owner_id,
        contact_id,
        company_id,
        deal_name,
        probability,
        amount,
        currency_code,
        won_reason,
        lost_reason,
        contract_status,
        is_won,
        is_closed,
        contract_end_date,
        created_at,
        closed_at,
        updated_at,
        loaded_at
    from {{ ref('stg_salesforce__deals') }}
    where is_current and not is_deleted

),

final as (

    select
        source,
        cast(deal_id as {{ dbt.type_string() }}) as deal_id,
        cast(pipeline_id as {{ dbt.type_string() }}) as pipeline_id,
        cast(stage_id as {{ dbt.type_string() }}) as stage_id,
        cast(owner_id as {{ dbt.type_string() }}) as owner_id,
        cast(contact_id as {{ dbt.type_string() }}) as contact_id,
        cast(company_id as {{ dbt.type_string() }}) as company_id,
        deal_name,
        cast(probability as double) as probability,
        {{ money('amount') }} as amount,
        upper(currency_code) as currency_code,
        won_reason,
        lost_reason,
        contract_status,
        is_won,
        is_closed,
        contract_end_date,
        created_at,
        closed_at,
        updated_at,
        loaded_at
    from unioned

)

select * from final
