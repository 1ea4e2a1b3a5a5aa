with source as (

    select * from {{ source('shopify_graphql', 'customer') }}

),

final as (

    select
        source.id as shopify_customer_id,
        {{ normalize_email('source.email') }} as email,
        {{ phone_text('source.phone') }} as phone,
        {{ clean_text('source.first_name') }} as first_name,
        {{ clean_text('source.last_name') }} as last_name,
        lower({{ clean_text('source.state') }}) as account_state,
        lower({{ clean_text('source.email_marketing_consent_state') }}) as email_marketing_status,
        source.email_marketing_consent_updated_at as email_marketing_updated_at,
        lower({{ clean_text('source.sms_marketing_consent_state') }}) as sms_marketing_status,
        source.sms_marketing_consent_updated_at as sms_marketing_updated_at,
        lower({{ clean_text('source.email_marketing_consent_opt_in_level') }}) as email_marketing_opt_in_level,
        lower({{ clean_text('source.sms_marketing_consent_opt_in_level') }}) as sms_marketing_opt_in_level,
        source.verified_email as is_email_verified,
        source.created_at,
        source.updated_at,
        {{ record_state("source._fivetran_deleted", updated_at='source.updated_at') }}
    from source

)

select * from final
