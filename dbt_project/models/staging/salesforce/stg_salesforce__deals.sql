with source as (

    select * from {{ source('salesforce', 'opportunity') }}

),

contracts as (

    select
        {{ normalize_salesforce_id('id') }} as contract_id,
        {{ clean_text('status') }} as contract_status,
        end_date as contract_end_date
    from {{ source('salesforce', 'contract') }}
    where _superseded_at is null and not coalesce(is_deleted, false)

),

final as (

    select
        {{ normalize_salesforce_id('source.id') }} as deal_id,
        cast(null as {{ dbt.type_string() }}) as pipeline_id,
        {{ clean_text('source.stage_name') }} as stage_id,
        {{ normalize_salesforce_id('source.owner_id') }} as owner_id,
        {{ normalize_salesforce_id('source.contact_id') }} as contact_id,
        {{ normalize_salesforce_id('source.account_id') }} as company_id,
        {{ normalize_salesforce_id('source.contract_id') }} as contract_id,
        {{ clean_text('source.name') }} as deal_name,
        {{ normalize_currency('source.currency_iso_code') }} as currency_code,
        {{ clean_text('source.won_reason_c') }} as won_reason,
        {{ clean_text('source.loss_reason_c') }} as lost_reason,
        lower(coalesce({{ clean_text('source.contract_status_c') }}, contracts.contract_status)) as contract_status,
        {{ money('source.amount') }} as amount,
        source.probability / 100.0 as probability,
        source.is_won,
        source.is_closed,
        coalesce(source.contract_end_date_c, contracts.contract_end_date) as contract_end_date,
        source.close_date,
        source.created_date as created_at,
        -- Salesforce has one close date: the expected one until the opportunity is closed.
        case when source.is_closed then cast(source.close_date as timestamp) end as closed_at,
        coalesce(source.system_modstamp, source.last_modified_date) as updated_at,
        {{ record_state(
            "source.is_deleted or source._fivetran_deleted or not source._fivetran_active",
            key=normalize_salesforce_id('source.id'),
        ) }}
    from source
    left join contracts on {{ normalize_salesforce_id('source.contract_id') }} = contracts.contract_id

)

select * from final
