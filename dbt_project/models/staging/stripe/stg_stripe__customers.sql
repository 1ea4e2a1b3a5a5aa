with source as (

    select * from {{ source('stripe', 'customer') }}

),

final as (

    select
        source.id as stripe_customer_id,
        {{ normalize_email('source.email') }} as email,
        {{ phone_text('source.phone', 'country.country_code') }} as phone,
        {{ clean_text('source.name') }} as full_name,
        {{ clean_text("concat_ws(', ', source.address_line_1, source.address_line_2)") }} as street,
        {{ clean_text('source.address_city') }} as city,
        {{ clean_text('source.address_state') }} as region,
        {{ clean_text('source.address_postal_code') }} as postal_code,
        country.country_code,
        coalesce(source.delinquent, false) as is_delinquent,
        not coalesce(source.livemode, true) as is_test,
        {{ parse_moment('source.created') }} as created_at,
        {{ record_state("source.is_deleted") }}
    from source
    {{ join_country('country', 'source.address_country') }}

)

select * from final
