{#
    grain: one row per deal; key: deal_id
#}
with deals as (

    select * from {{ ref('int_crm__deals') }}

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
        deals.deal_id,
        customers.customer_id,
        companies.company_id,
        deals.owner_id,
        deals.source,
        deals.deal_name,
        deals.pipeline_name,
        deals.stage_name,
        deals.status,
        deals.won_reason,
        deals.lost_reason,
        deals.contract_status,
        deals.currency_code,
        deals.amount,
        deals.weighted_amount,
        deals.amount_reporting,
        deals.weighted_amount_reporting,
        deals.reporting_currency,
        deals.contact_count,
        deals.merged_deal_count,
        cast(deals.reopened_count as {{ dbt.type_bigint() }}) as reopened_count,
        cast(deals.close_date_move_count as {{ dbt.type_bigint() }}) as close_date_move_count,
        deals.close_date_moved_days,
        deals.is_occurred_at_estimated,
        deals.contract_end_date,
        deals.expected_close_date,
        deals.occurred_at,
        deals.closed_at,
        deals.first_closed_at
    from deals
    left join customers on deals.identifier_no = customers.identifier_no
    left join companies
        on deals.source = companies.source and deals.company_id = companies.source_company_id

)

select * from final
