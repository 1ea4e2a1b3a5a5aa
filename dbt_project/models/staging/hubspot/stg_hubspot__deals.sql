with

api as (

    select * from {{ ref('base_hubspot__deals_api') }}

),

fivetran as (

    select * from {{ ref('base_hubspot__deals_fivetran') }}

),

final as (

    {{ union_loaders(
        ['api', 'fivetran'], ['deal_id'], [
            'deal_id', 'pipeline_id', 'stage_id', 'owner_id', 'deal_name', 'currency_code',
            'won_reason', 'lost_reason', 'contract_status', 'amount', 'is_won', 'is_closed',
            'contract_start_date', 'contract_end_date', 'merged_deal_ids', 'close_date',
            'created_at', 'closed_at', 'updated_at'
        ],
    ) }}

)

select * from final
