with source as (

    select * from {{ source('hubspot', 'deals') }}

),

final as (

    select
        source.id as deal_id,
        {{ clean_text('source.pipeline') }} as pipeline_id,
        {{ clean_text('source.dealstage') }} as stage_id,
        {{ clean_text('source.hubspot_owner_id') }} as owner_id,
        {{ clean_text('source.dealname') }} as deal_name,
        {{ normalize_currency('source.deal_currency_code') }} as currency_code,
        {{ clean_text('source.closed_won_reason') }} as won_reason,
        {{ clean_text('source.closed_lost_reason') }} as lost_reason,
        lower({{ clean_text('source.contract_status') }}) as contract_status,
        {{ money('source.amount') }} as amount,
        {{ parse_flag('source.hs_is_closed_won') }} as is_won,
        {{ parse_flag('source.hs_is_closed') }} as is_closed,
        source.contract_start_date,
        source.contract_end_date,
        source.createdate as created_at,
        {{ clean_text('source.hs_merged_object_ids') }} as merged_deal_ids,
        cast(source.closedate as date) as close_date,
        -- HubSpot has one close date: the expected one until the deal is closed.
        case
            when coalesce({{ parse_flag('source.hs_is_closed') }}, true)
                then source.closedate
        end as closed_at,
        source.hs_lastmodifieddate as updated_at,
        {{ record_state("source.is_deleted", updated_at='source.hs_lastmodifieddate') }}
    from source

)

select * from final
