with source as (

    select * from {{ source('salesforce', 'contract') }}

),

final as (

    select
        {{ normalize_salesforce_id('source.id') }} as contract_id,
        {{ normalize_salesforce_id('source.account_id') }} as company_id,
        {{ normalize_salesforce_id('source.owner_id') }} as owner_id,
        {{ normalize_salesforce_id('source.customer_signed_id') }} as contact_id,
        {{ clean_text('source.contract_number') }} as contract_number,
        lower({{ clean_text('source.status') }}) as contract_status,
        source.contract_term as term_months,
        source.start_date as contract_start_date,
        source.end_date as contract_end_date,
        source.activated_date as activated_at,
        source.created_date as created_at,
        coalesce(source.system_modstamp, source.last_modified_date) as updated_at,
        {{ record_state(
            "source.is_deleted or source._fivetran_deleted or not source._fivetran_active",
            key=normalize_salesforce_id('source.id'),
        ) }}
    from source

)

select * from final
