with source as (

    select * from {{ source('salesforce', 'opportunity_contact_role') }}

),

final as (

    select
        {{ normalize_salesforce_id('source.id') }} as deal_contact_id,
        {{ normalize_salesforce_id('source.opportunity_id') }} as deal_id,
        {{ normalize_salesforce_id('source.contact_id') }} as contact_id,
        {{ clean_text('source.role') }} as contact_role,
        coalesce(source.is_primary, false) as is_primary,
        {{ record_state(
            "source.is_deleted or source._fivetran_deleted or not source._fivetran_active",
            key=normalize_salesforce_id('source.id'),
        ) }}
    from source

)

select * from final
