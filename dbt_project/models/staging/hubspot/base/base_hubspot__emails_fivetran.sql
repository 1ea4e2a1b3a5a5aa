with source as (

    select * from {{ source('hubspot_fivetran', 'engagement_email') }}

),

final as (

    select
        source.engagement_id as email_id,
        {{ clean_text('source.property_hubspot_owner_id') }} as owner_id,
        -- The direction of an e-mail that was forwarded into the CRM is unknown.
        case upper({{ clean_text('source.property_hs_email_direction') }})
            when 'INCOMING_EMAIL' then 'inbound'
            when 'EMAIL' then 'outbound'
        end as direction,
        lower({{ clean_text('source.property_hs_email_status') }}) as status,
        {{ clean_text('source.property_hs_email_subject') }} as subject,
        coalesce(
            {{ clean_text('source.property_hs_email_text') }},
            {{ clean_text('source.property_hs_email_html') }}
        ) as body,
        {{ normalize_email('source.property_hs_email_from_email') }} as from_email,
        {{ clean_text('source.property_hs_email_to_email') }} as to_emails,
        coalesce(source.property_hs_timestamp, source.property_hs_createdate) as occurred_at,
        {{ record_state("source._fivetran_deleted", updated_at='source.property_hs_lastmodifieddate') }}
    from source

)

select * from final
