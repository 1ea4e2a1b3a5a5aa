with source as (

    select * from {{ source('klaviyo', 'campaign') }}

),

final as (

    select
        source.id as campaign_id,
        {{ clean_text('source.name') }} as campaign_name,
        {{ clean_text('source.subject') }} as subject,
        lower({{ clean_text('source.status') }}) as status,
        coalesce(source.sent_at, source.send_time) as sent_at,
        source.created as created_at,
        source.updated as updated_at,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
