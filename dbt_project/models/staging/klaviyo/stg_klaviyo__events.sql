with source as (

    select * from {{ source('klaviyo', 'event') }}

),

final as (

    select
        source.id as message_event_id,
        {{ clean_text('source.person_id') }} as person_id,
        {{ clean_text('source.metric_id') }} as metric_id,
        {{ clean_text('source.campaign_id') }} as campaign_id,
        {{ clean_text('source.flow_id') }} as flow_id,
        {{ clean_text('coalesce(source.flow_message_id, source.message_id)') }} as message_id,
        {{ clean_text('coalesce(source.property_subject, source.propertysubject)') }} as subject,
        {{ clean_text('coalesce(source.property_url, source.propertyurl)') }} as url,
        coalesce(
            {{ parse_flag('coalesce(source.property_apple_privacy_open, source.propertyapple_privacy_open)') }},
            false
        )
        or coalesce({{ parse_flag('source.property_machine_open') }}, false)
        or coalesce({{ parse_flag('coalesce(source.property_bot_click, source.propertybot_click)') }}, false)
            as is_machine,
        {{ clean_text('coalesce(source.property_client_name, source.propertyclient_name)') }} as client_name,
        {{ clean_text('source.property_user_agent') }} as user_agent,
        {{ clean_text('coalesce(source.property_bounce_type, source.propertybounce_type)') }} as bounce_type,
        {{ clean_text('source.property_bounce_reason') }} as bounce_reason,
        coalesce(
            source.{{ adapter.quote('datetime') }},
            source.{{ adapter.quote('timestamp') }},
            source._loaded_at
        ) as occurred_at,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
