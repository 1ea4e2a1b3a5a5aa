with source as (

    select * from {{ source('salesforce', 'task') }}

),

final as (

    select
        {{ normalize_salesforce_id('source.id') }} as email_id,
        -- who_id is a contact or a lead; the prefix of the id shows which.
        case when source.who_id not like '00Q%' then {{ normalize_salesforce_id('source.who_id') }} end as contact_id,
        case when source.who_id like '00Q%' then {{ normalize_salesforce_id('source.who_id') }} end as lead_id,
        {{ normalize_salesforce_id('source.what_id') }} as deal_id,
        {{ normalize_salesforce_id('source.owner_id') }} as owner_id,
        lower({{ clean_text('source.status') }}) as status,
        {{ clean_text('source.subject') }} as subject,
        {{ clean_text('source.description') }} as body,
        coalesce(
            source.completed_date_time,
            source.activity_date,
            source.created_date
        ) as occurred_at,
        {{ record_state(
            "source.is_deleted or source._fivetran_deleted or not source._fivetran_active",
            key=normalize_salesforce_id('source.id'),
        ) }}
    from source
    where lower(source.task_subtype) in ('email', 'listemail')

)

select * from final
