with source as (

    select * from {{ source('salesforce', 'opportunity_field_history') }}

),

final as (

    select
        {{ normalize_salesforce_id('source.id') }} as deal_change_id,
        {{ normalize_salesforce_id('source.opportunity_id') }} as deal_id,
        {{ normalize_salesforce_id('source.created_by_id') }} as changed_by_owner_id,
        {{ clean_text('source.field') }} as field_name,
        {{ clean_text('source.old_value') }} as old_value,
        {{ clean_text('source.new_value') }} as new_value,
        source.created_date as changed_at,
        {{ record_state(
            "source.is_deleted or source._fivetran_deleted",
            key=normalize_salesforce_id('source.id'),
        ) }}
    from source

)

select * from final
