with source as (

    select * from {{ source('hubspot', 'contacts') }}

),

final as (

    select
        source.id as contact_id,
        {{ clean_text('source.associatedcompanyid') }} as company_id,
        {{ clean_text('source.hubspot_owner_id') }} as owner_id,
        {{ normalize_email('source.email') }} as email,
        {{ phone_text('source.phone', 'country.country_code') }} as phone,
        {{ phone_text('source.mobilephone', 'country.country_code') }} as mobile_phone,
        {{ clean_text('source.firstname') }} as first_name,
        {{ clean_text('source.lastname') }} as last_name,
        {{ clean_text('source.jobtitle') }} as job_title,
        {{ clean_text('source.company') }} as company_name,
        {{ clean_text('source.address') }} as street,
        {{ clean_text('source.city') }} as city,
        {{ clean_text('source.state') }} as region,
        {{ clean_text('source.zip') }} as postal_code,
        country.country_code,
        lower({{ clean_text('source.lifecyclestage') }}) as lifecycle_stage,
        lower({{ clean_text('source.hs_lead_status') }}) as lead_status,
        {{ clean_text('source.hs_merged_object_ids') }} as merged_contact_ids,
        lower({{ clean_text('source.hs_additional_emails') }}) as additional_emails,
        {{ parse_flag('source.hs_email_optout') }} as has_opted_out_of_email,
        {{ clean_text('source.hs_email_optout') }} as email_opt_out_text,
        {{ clean_text('source.hs_email_bad_address') }} as bad_address_text,
        {{ clean_text('source.hs_email_hard_bounce_reason_enum') }} as hard_bounce_reason,
        {{ parse_birth_date('source.date_of_birth', 'source._loaded_at') }} as birth_date,
        source.createdate as created_at,
        source.lastmodifieddate as updated_at,
        {{ record_state("source.is_deleted", updated_at='source.lastmodifieddate') }}
    from source
    {{ join_country('country', 'source.country') }}

)

select * from final
