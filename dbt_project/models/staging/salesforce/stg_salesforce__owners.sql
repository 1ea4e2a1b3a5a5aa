with source as (

    select * from {{ source('salesforce', 'user') }}

),

final as (

    select
        {{ normalize_salesforce_id('source.id') }} as owner_id,
        {{ normalize_email('source.email') }} as email,
        {{ clean_text('source.first_name') }} as first_name,
        {{ clean_text('source.last_name') }} as last_name,
        source.created_date as created_at,
        source.last_modified_date as updated_at,
        {{ record_state(
            "source._fivetran_deleted or not source._fivetran_active",
            key=normalize_salesforce_id('source.id'),
        ) }}
    from source

)

select * from final
