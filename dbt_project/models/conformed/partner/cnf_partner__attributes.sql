{{
    config(
        materialized='view',
        meta={'clock': [{'relation': 'stg_partner__customers', 'column': 'expires_at'}]},
    )
}}
{#
    grain: one row per (record_type, record_id, attribute) that a current record has a value for
    rebuild: a view over staging
#}
with

{# Second-party values are used only as their licence allows, never after their expiry. #}
customers as (

    select
        customers.*,
        licences.allows_matching,
        licences.allows_attributes
    from {{ ref('stg_partner__customers') }} as customers
    inner join {{ ref('partner_licences') }} as licences
        on customers.licence = licences.licence and customers.purpose = licences.purpose
    where
        customers.is_current
        and not coalesce(customers.is_deleted, false)
        and customers.expires_at > {{ as_of() }}

),

final as (

    {{ offer_attributes(
        'customer', 'customers', 'partner_record_id', ["'partner_record_id'", 'partner_record_id'],
        'coalesce(shared_at, loaded_at)',
        {
            'email': 'email', 'phone': 'phone', 'first_name': 'first_name', 'last_name': 'last_name',
            'postal_code': 'postal_code', 'country_code': 'country_code',
            'loyalty_tier': 'loyalty_tier',
        },
        allows_matching='allows_matching', allows_attributes='allows_attributes',
    ) }}

)

select * from final
