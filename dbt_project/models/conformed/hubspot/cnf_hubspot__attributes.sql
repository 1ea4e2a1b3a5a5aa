{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, attribute) that a current record has a value for
    rebuild: a view over staging
#}
with

contacts as (

    select * from {{ ref('stg_hubspot__contacts') }}
    where is_current and not coalesce(is_deleted, false)

),

final as (

    {{ offer_attributes(
        'contact', 'contacts', 'contact_id', ["'hubspot_contact_id'", 'contact_id'],
        'coalesce(updated_at, created_at, loaded_at)',
        {
            'email': 'email', 'phone': 'phone', 'mobile_phone': 'mobile_phone',
            'first_name': 'first_name', 'last_name': 'last_name',
            'street': 'street', 'city': 'city', 'region': 'region', 'postal_code': 'postal_code',
            'country_code': 'country_code', 'company_name': 'company_name',
            'lifecycle_stage': 'lifecycle_stage', 'lead_status': 'lead_status', 'owner_id': 'owner_id',
            'birth_date': 'birth_date',
        },
        shown_only=['lead_status', 'owner_id'],
    ) }}

)

select * from final
