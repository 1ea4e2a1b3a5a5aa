{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, own identifier, identifier), also of deleted records
    rebuild: a view over staging
#}
with

customers as (

    select * from {{ ref('stg_stripe__customers') }}
    where not is_test

),

final as (

    {{ name_identifiers(
        'customer', 'customers', 'stripe_customer_id', {'stripe_customer_id': 'stripe_customer_id'},
        [['email', 'email'], ['phone', 'phone']], is_living=is_living_record('stripe_customer_id'),
        last_seen_at='created_at',
    ) }}

)

select * from final
