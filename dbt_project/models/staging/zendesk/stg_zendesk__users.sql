with source as (

    select * from {{ source('zendesk', 'user') }}

),

final as (

    select
        source.id as zendesk_user_id,
        {{ clean_text('source.external_id') }} as external_id,
        {{ normalize_email('source.email') }} as email,
        {{ phone_text('source.phone') }} as phone,
        {{ clean_text('source.name') }} as full_name,
        {{ normalize_language('source.locale') }} as language,
        lower({{ clean_text('source.role') }}) as role,
        {{ clean_text('source.organization_id') }} as organization_id,
        source.verified as is_email_verified,
        source.created_at,
        source.updated_at,
        -- Zendesk keeps deleted and merged users as inactive.
        {{ record_state("source._fivetran_deleted or source.permanently_deleted or not source.active") }}
    from source

)

select * from final
