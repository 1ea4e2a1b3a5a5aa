with source as (

    select * from {{ source('hubspot', 'emails') }}

),

final as (

    select
        source.id as email_id,
        {{ clean_text('source.hubspot_owner_id') }} as owner_id,
        -- The direction of an e-mail that was forwarded into the CRM is unknown.
        case upper({{ clean_text('source.hs_email_direction') }})
            when 'INCOMING_EMAIL' then 'inbound'
            when 'EMAIL' then 'outbound'
        end as direction,
        lower({{ clean_text('source.hs_email_status') }}) as status,
        {{ clean_text('source.hs_email_subject') }} as subject,
        coalesce(
            {{ clean_text('source.hs_email_text') }},
            {{ clean_text('source.hs_email_html') }}
        ) as body,
        {{ normalize_email('source.hs_email_from_email') }} as from_email,
        {{ clean_text('source.hs_email_to_email') }} as to_emails,
        source.hs_timestamp as occurred_at,
        {{ record_state("source.is_deleted", updated_at='source.hs_lastmodifieddate') }}
    from source

)

select * from final
