with source as (

    {{ union_feeds('partner', 'customers', record_id='partner_record_id') }}

),

final as (

    select
        source.partner_record_id,
        {{ normalize_email('source.email') }} as email,
        {{ phone_text('source.phone', 'country.country_code') }} as phone,
        {{ clean_text('source.first_name') }} as first_name,
        {{ clean_text('source.last_name') }} as last_name,
        {{ clean_text('source.postal_code') }} as postal_code,
        country.country_code,
        lower({{ clean_text('source.loyalty_tier') }}) as loyalty_tier,
        {{ clean_text('source.licence') }} as licence,
        lower({{ clean_text('source.purpose') }}) as purpose,
        source.shared_at,
        source.expires_at,
        {{ record_state() }}
    from source
    {{ join_country('country', 'source.country') }}

)

select * from final
