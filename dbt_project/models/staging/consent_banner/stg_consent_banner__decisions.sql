with source as (

    select * from {{ source('consent_banner', 'decisions') }}

),

final as (

    select
        source.decision_id,
        {{ clean_text('source.anonymous_id') }} as anonymous_id,
        {{ clean_text('source.user_id') }} as user_id,
        {{ normalize_email('source.email') }} as email,
        {{ clean_text('source.email') }} as email_text,
        {{ phone_text('source.phone') }} as phone,
        {{ clean_text('source.phone') }} as phone_text,
        {{ clean_text('source.customer_id') }} as customer_id,
        {{ clean_text('source.external_id') }} as external_id,
        {{ clean_text('source.device_id') }} as device_id,
        lower({{ clean_text('source.purpose') }}) as purpose,
        lower({{ clean_text('source.channel') }}) as channel,
        lower({{ clean_text('source.decision') }}) as decision,
        {{ clean_text('source.policy_version') }} as policy_version,
        upper({{ clean_text('source.region') }}) as region,
        {{ clean_text('source.tc_string') }} as tc_string,
        cast(source._extra as {{ dbt.type_string() }}) as undeclared_fields,
        source.decided_at,
        source._loaded_at as loaded_at
    from source

)

select * from final
