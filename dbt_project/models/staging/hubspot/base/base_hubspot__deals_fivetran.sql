with source as (

    select * from {{ source('hubspot_fivetran', 'deal') }}

),

final as (

    select
        source.deal_id,
        {{ clean_text('source.deal_pipeline_id') }} as pipeline_id,
        {{ clean_text('source.deal_pipeline_stage_id') }} as stage_id,
        {{ clean_text('source.owner_id') }} as owner_id,
        {{ clean_text('source.property_dealname') }} as deal_name,
        {{ normalize_currency('source.property_deal_currency_code') }} as currency_code,
        {{ clean_text('source.property_closed_won_reason') }} as won_reason,
        {{ clean_text('source.property_closed_lost_reason') }} as lost_reason,
        lower({{ clean_text('source.property_contract_status') }}) as contract_status,
        {{ money('source.property_amount') }} as amount,
        {{ parse_flag('source.property_hs_is_closed_won') }} as is_won,
        {{ parse_flag('source.property_hs_is_closed') }} as is_closed,
        source.property_contract_start_date as contract_start_date,
        source.property_contract_end_date as contract_end_date,
        source.property_createdate as created_at,
        {{ clean_text('source.property_hs_merged_object_ids') }} as merged_deal_ids,
        cast(source.property_closedate as date) as close_date,
        -- HubSpot has one close date: the expected one until the deal is closed.
        case
            when coalesce({{ parse_flag('source.property_hs_is_closed') }}, true)
                then source.property_closedate
        end as closed_at,
        source.property_hs_lastmodifieddate as updated_at,
        {{ record_state("source.is_deleted", updated_at='source.property_hs_lastmodifieddate') }}
    from source

)

select * from final
