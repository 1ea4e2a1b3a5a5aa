{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, attribute) that a current record has a value for
    rebuild: a view over staging
#}
with

customers as (

    select * from {{ ref('stg_stripe__customers') }}
    where is_current and not coalesce(is_deleted, false) and not is_test

),

final as (

    {{ offer_attributes(
        'customer', 'customers', 'stripe_customer_id', ["'stripe_customer_id'", 'stripe_customer_id'],
        'coalesce(created_at, loaded_at)',
        {
            'email': 'email', 'phone': 'phone', 'full_name': 'full_name', 'street': 'street',
            'city': 'city', 'region': 'region', 'postal_code': 'postal_code',
            'country_code': 'country_code',
        },
        matching_only=['full_name'],
    ) }}

)

select * from final
