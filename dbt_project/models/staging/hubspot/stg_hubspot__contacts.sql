with

api as (

    select * from {{ ref('base_hubspot__contacts_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__contacts_fivetran') }}

),

final as (

    {{ union_loaders(
        ['api', 'fivetran'], ['contact_id'], [
            'contact_id', 'company_id', 'owner_id', 'email', 'phone', 'mobile_phone',
            'first_name', 'last_name', 'job_title', 'company_name', 'street', 'city', 'region',
            'postal_code', 'country_code', 'lifecycle_stage', 'lead_status', 'merged_contact_ids',
            'additional_emails', 'has_opted_out_of_email', 'email_opt_out_text', 'bad_address_text',
            'hard_bounce_reason', 'birth_date', 'created_at', 'updated_at'
        ],
    ) }}

)

select * from final
