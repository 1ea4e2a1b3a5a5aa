with source as (

    select * from {{ source('salesforce', 'lead') }}

),

final as (

    select
        {{ normalize_salesforce_id('source.id') }} as lead_id,
        {{ normalize_salesforce_id('source.converted_contact_id') }} as converted_contact_id,
        {{ normalize_salesforce_id('source.converted_account_id') }} as converted_company_id,
        {{ normalize_salesforce_id('source.owner_id') }} as owner_id,
        {{ normalize_email('source.email') }} as email,
        {{ phone_text(
            'source.phone',
            'coalesce(country_of_code.country_code, country_of_name.country_code)'
        ) }} as phone,
        {{ phone_text(
            'source.mobile_phone',
            'coalesce(country_of_code.country_code, country_of_name.country_code)'
        ) }} as mobile_phone,
        {{ clean_text('source.first_name') }} as first_name,
        {{ clean_text('source.last_name') }} as last_name,
        {{ clean_text('source.title') }} as job_title,
        {{ clean_text('source.company') }} as company_name,
        {{ clean_text('source.street') }} as street,
        {{ clean_text('source.city') }} as city,
        {{ clean_text('source.state') }} as region,
        {{ clean_text('source.postal_code') }} as postal_code,
        coalesce(country_of_code.country_code, country_of_name.country_code) as country_code,
        lower({{ clean_text('source.status') }}) as lead_status,
        {{ clean_text('source.lead_source') }} as lead_source,
        coalesce(source.is_converted, false) as is_converted,
        source.has_opted_out_of_email,
        source.do_not_call,
        source.email_bounced_date as email_bounced_at,
        source.converted_date as converted_at,
        source.created_date as created_at,
        coalesce(source.system_modstamp, source.last_modified_date) as updated_at,
        {{ record_state(
            "source.is_deleted or source._fivetran_deleted or not source._fivetran_active",
            key=normalize_salesforce_id('source.id'),
        ) }}
    from source
    {{ join_country('country_of_code', 'source.country_code') }}
    {{ join_country('country_of_name', 'source.country') }}
    -- Two spellings of one id in the same load are one version.
    qualify
        row_number() over (
            partition by lead_id, source._loaded_at
            order by case when source._superseded_at is null then 0 else 1 end asc, source.id asc
        ) = 1

)

select * from final
