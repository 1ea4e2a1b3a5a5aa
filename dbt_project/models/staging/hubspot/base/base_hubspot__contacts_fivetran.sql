with source as (

    select * from {{ source('hubspot_fivetran', 'contact') }}

),

final as (

    select
        source.id as contact_id,
        {{ clean_text('source.property_associatedcompanyid') }} as company_id,
        {{ clean_text('source.property_hubspot_owner_id') }} as owner_id,
        {{ normalize_email('source.property_email') }} as email,
        {{ phone_text('source.property_phone', 'country.country_code') }} as phone,
        {{ phone_text('source.property_mobilephone', 'country.country_code') }} as mobile_phone,
        {{ clean_text('source.property_firstname') }} as first_name,
        {{ clean_text('source.property_lastname') }} as last_name,
        {{ clean_text('source.property_jobtitle') }} as job_title,
        {{ clean_text('source.property_company') }} as company_name,
        {{ clean_text('source.property_address') }} as street,
        {{ clean_text('source.property_city') }} as city,
        {{ clean_text('source.property_state') }} as region,
        {{ clean_text('source.property_zip') }} as postal_code,
        country.country_code,
        lower({{ clean_text('source.property_lifecyclestage') }}) as lifecycle_stage,
        lower({{ clean_text('source.property_hs_lead_status') }}) as lead_status,
        {{ clean_text('source.property_hs_merged_object_ids') }} as merged_contact_ids,
        lower({{ clean_text('source.property_hs_additional_emails') }}) as additional_emails,
        {{ parse_flag('source.property_hs_email_optout') }} as has_opted_out_of_email,
        {{ clean_text('source.property_hs_email_optout') }} as email_opt_out_text,
        {{ clean_text('source.property_hs_email_bad_address') }} as bad_address_text,
        {{ clean_text('source.property_hs_email_hard_bounce_reason_enum') }} as hard_bounce_reason,
        {{ parse_birth_date('source.property_date_of_birth', 'source._loaded_at') }} as birth_date,
        source.property_createdate as created_at,
        source.property_lastmodifieddate as updated_at,
        {{ record_state("source._fivetran_deleted", updated_at='source.property_lastmodifieddate') }}
    from source
    {{ join_country('country', 'source.property_country') }}

)

select * from final
