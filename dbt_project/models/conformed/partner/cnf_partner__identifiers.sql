{{
    config(
        materialized='view',
        meta={'clock': [{'relation': 'stg_partner__customers', 'column': 'expires_at'}]},
    )
}}
{#
    grain: one row per (record_type, record_id, own identifier, identifier), also of deleted records
    rebuild: a view over staging
#}
with

{# Second-party data is evidence only while its licence allows it, never after its expiry. #}
customers as (

    select
        customers.*,
        coalesce(licences.allows_matching, false)
        and {{ is_living_record('customers.partner_record_id') }}
        and coalesce(
            max(case when customers.is_current then customers.expires_at end)
                over (partition by customers.partner_record_id)
            > {{ as_of() }},
            false
        ) as is_living
    from {{ ref('stg_partner__customers') }} as customers
    left join {{ ref('partner_licences') }} as licences
        on customers.licence = licences.licence and customers.purpose = licences.purpose

),

final as (

    {{ name_identifiers(
        'customer', 'customers', 'partner_record_id', {'partner_record_id': 'partner_record_id'},
        [['email', 'email'], ['phone', 'phone']], is_living='is_living',
        first_seen_at='shared_at', last_seen_at='shared_at',
    ) }}

)

select * from final
