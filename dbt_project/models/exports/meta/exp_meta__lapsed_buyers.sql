{{ config(meta={'clock': [{'relation': 'dim_consents', 'column': 'expires_at'}]}) }}
{#
    grain: one row per lapsed buyer with consent to advertising; key: record_key
    why here: hashed as Meta matches; customers without an e-mail address and a phone number are
        left out, because Meta cannot match them
#}
with members as (

    select customer_id from {{ ref('seg_lapsed_buyers') }}

),

customers as (

    select * from {{ ref('dim_customers') }}

),

allowed as (

    select customer_id from {{ consented('members') }} as consented_members

),

hashed as (

    select
        customers.customer_id,
        {{ hash_meta_email('customers.email') }} as email_sha256,
        {{ hash_meta_phone('customers.phone') }} as phone_sha256,
        {{ hash_meta_name('customers.first_name') }} as first_name_sha256,
        {{ hash_meta_name('customers.last_name') }} as last_name_sha256,
        {{ hash_meta_city('customers.city') }} as city_sha256,
        {{ hash_meta_postal_code('customers.postal_code', 'customers.country_code') }}
            as postal_code_sha256,
        {{ hash_meta_country('customers.country_code') }} as country_code_sha256
    from allowed
    inner join customers on allowed.customer_id = customers.customer_id

),

final as (

    select
        customer_id as record_key,
        customer_id,
        email_sha256,
        phone_sha256,
        first_name_sha256,
        last_name_sha256,
        city_sha256,
        postal_code_sha256,
        country_code_sha256
    from hashed
    where email_sha256 is not null or phone_sha256 is not null

)

select * from final
