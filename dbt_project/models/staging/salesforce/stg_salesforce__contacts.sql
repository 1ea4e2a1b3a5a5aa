with source as (

    select * from {{ source('salesforce', 'contact') }}

),

accounts as (

    select
        {{ normalize_salesforce_id('id') }} as company_id,
        {{ clean_text('name') }} as company_name
    from {{ source('salesforce', 'account') }}
    where _superseded_at is null

),

merged as (

    -- Salesforce marks a merge on the losing record: it is deleted and names its master.
    select
        {{ normalize_salesforce_id('master_record_id') }} as master_record_id,
        {{ dbt.listagg(normalize_salesforce_id('id'), "';'", 'order by id') }} as merged_contact_ids
    from source
    where _superseded_at is null and master_record_id is not null
    group by 1

),

final as (

    select
        {{ normalize_salesforce_id('source.id') }} as contact_id,
        {{ normalize_salesforce_id('source.account_id') }} as company_id,
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
        accounts.company_name,
        {{ clean_text('source.mailing_street') }} as street,
        {{ clean_text('source.mailing_city') }} as city,
        {{ clean_text('source.mailing_state') }} as region,
        {{ clean_text('source.mailing_postal_code') }} as postal_code,
        coalesce(country_of_code.country_code, country_of_name.country_code) as country_code,
        lower({{ clean_text('source.lifecycle_stage_c') }}) as lifecycle_stage,
        merged.merged_contact_ids,
        source.has_opted_out_of_email,
        source.do_not_call,
        source.email_bounced_date as email_bounced_at,
        {{ parse_birth_date('source.birthdate', 'source._loaded_at') }} as birth_date,
        source.created_date as created_at,
        coalesce(source.system_modstamp, source.last_modified_date) as updated_at,
        {{ record_state(
            "source.is_deleted or source._fivetran_deleted or not source._fivetran_active",
            key=normalize_salesforce_id('source.id'),
        ) }}
    from source
    left join accounts on {{ normalize_salesforce_id('source.account_id') }} = accounts.company_id
    left join merged on {{ normalize_salesforce_id('source.id') }} = merged.master_record_id
    {{ join_country('country_of_code', 'source.mailing_country_code') }}
    {{ join_country('country_of_name', 'source.mailing_country') }}
    -- Two spellings of one id in the same load are one version.
    qualify
        row_number() over (
            partition by contact_id, source._loaded_at
            order by case when source._superseded_at is null then 0 else 1 end asc, source.id asc
        ) = 1

)

select * from final
