with source as (

    select * from {{ source('consent_banner', 'decisions') }}

),

final as (

    select
        source.decision_id,
        {{ clean_text('source.anonymous_id') }} as anonymous_id,
        {{ clean_text('source.user_id') }} as user_id,
        {{ normalize_email('source.email') }} as email,
        lower({{ clean_text('source.purpose') }}) as purpose,
        lower({{ clean_text('source.channel') }}) as channel,
        lower({{ clean_text('source.decision') }}) as decision,
        {{ clean_text('source.policy_version') }} as policy_version,
        upper({{ clean_text('source.region') }}) as region,
        {{ clean_text('source.tc_string') }} as tc_string,
        source.decided_at,
        source._loaded_at as loaded_at
    from source

)

select * from final
