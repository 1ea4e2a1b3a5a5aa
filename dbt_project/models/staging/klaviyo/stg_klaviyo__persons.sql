with source as (

    select * from {{ source('klaviyo', 'person') }}

),

-- The API reports neither deletions nor merges: an id that a complete listing lacks is deleted.
gone as (

    select id
    from {{ source('klaviyo', 'person_id') }}
    where _superseded_at is null and _deleted_at is not null

),

final as (

    select
        source.id as person_id,
        {{ clean_text('source.external_id') }} as external_id,
        {{ normalize_email('source.email') }} as email,
        {{ phone_text('source.phone_number', 'country.country_code') }} as phone,
        {{ clean_text('source.first_name') }} as first_name,
        {{ clean_text('source.last_name') }} as last_name,
        {{ clean_text('source.city') }} as city,
        {{ clean_text('source.region') }} as region,
        {{ clean_text('source.zip') }} as postal_code,
        country.country_code,
        lower({{ clean_text('source.email_consent') }}) as email_marketing_status,
        source.email_consent_at as email_marketing_consented_at,
        coalesce(source.email_consent_at, source.email_consent_updated_at) as email_marketing_updated_at,
        coalesce(
            trim(cast(source.email_suppressions as {{ dbt.type_string() }})) not in ('', '[]', '{}', 'null', '""'),
            false
        ) as is_email_suppressed,
        source.email_suppressed_at,
        lower({{ clean_text('source.sms_consent') }}) as sms_marketing_status,
        source.sms_consent_at as sms_marketing_consented_at,
        coalesce(source.sms_consent_at, source.sms_consent_updated_at) as sms_marketing_updated_at,
        source.created as created_at,
        source.updated as updated_at,
        {{ record_state("source._fivetran_deleted or gone.id is not null") }}
    from source
    {{ join_country('country', 'source.country') }}
    left join gone on source.id = gone.id

)

select * from final
