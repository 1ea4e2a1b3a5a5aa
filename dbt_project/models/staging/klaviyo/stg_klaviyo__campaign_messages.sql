with source as (

    select * from {{ source('klaviyo', 'campaign_message') }}

),

final as (

    select
        source.id as message_id,
        {{ clean_text('source.campaign_id') }} as campaign_id,
        lower({{ clean_text('source.channel') }}) as channel,
        {{ clean_text('source.label') }} as message_name,
        {{ clean_text('source.subject') }} as subject,
        source.created_at,
        source.updated_at,
        {{ record_state() }}
    from source

)

select * from final
