with source as (

    select * from {{ source('klaviyo', 'person') }}

),

final as (

    select
        source.id as person_id,
        {{ normalize_email('source.email') }} as email,
        phone.phone_e164 as phone,
        {{ clean_text('source.first_name') }} as first_name,
        {{ clean_text('source.last_name') }} as last_name,
        {{ clean_text('source.city') }} as city,
        {{ clean_text('source.region') }} as region,
        {{ clean_text('source.zip') }} as postal_code,
        country.country_code,
        source.created as created_at,
        source.updated as updated_at,
        {{ record_state("source._fivetran_deleted") }}
    from source
    {{ join_country('country', 'source.country') }}
    {{ join_phone('phone', 'source.phone_number', 'country.country_code') }}

)

select * from final
