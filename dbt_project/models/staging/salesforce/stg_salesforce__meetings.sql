with source as (

    select * from {{ source('salesforce', 'event') }}

),

final as (

    select
        {{ normalize_salesforce_id('source.id') }} as meeting_id,
        -- who_id is a contact or a lead; the prefix of the id shows which.
        case when source.who_id not like '00Q%' then {{ normalize_salesforce_id('source.who_id') }} end as contact_id,
        case when source.who_id like '00Q%' then {{ normalize_salesforce_id('source.who_id') }} end as lead_id,
        {{ normalize_salesforce_id('source.what_id') }} as deal_id,
        {{ normalize_salesforce_id('source.owner_id') }} as owner_id,
        lower(nullif(trim(source.{{ adapter.quote('type') }}), '')) as meeting_kind,
        {{ clean_text('source.subject') }} as subject,
        {{ clean_text('source.description') }} as body,
        {{ clean_text('source.location') }} as location,
        source.duration_in_minutes * 60 as duration_seconds,
        coalesce(
            source.start_date_time,
            source.activity_date_time,
            cast(source.activity_date as timestamp)
        ) as occurred_at,
        {{ record_state(
            "source.is_deleted or source._fivetran_deleted or not source._fivetran_active",
            key=normalize_salesforce_id('source.id'),
        ) }}
    from source
    -- Each invited person has a copy of the meeting.
    where not coalesce(source.is_child, false)

)

select * from final
