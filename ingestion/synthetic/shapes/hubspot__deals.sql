-- A deal arrives again with every stage that it enters.
select
    deals.deal_id as id,
    deals.deal_id as hs_object_id,
    concat(
        company_name,
        ': ',
        if(
            pipeline_id = 'renewal',
            'renewal',
            ['coffee corner', 'office supplies', 'canteen', 'garden care'][1 + deals.deal_key % 4]
        )
    ) as dealname,
    pipeline_id as pipeline,
    stage_id as dealstage,
    cast(amount as double) as amount,
    currency as deal_currency_code,
    if(
        is_closed and probability = 1,
        ['Price', 'Product fit', 'Service', 'Existing relationship'][
            pick(4, 'won because', deals.deal_key)
        ],
        null
    ) as closed_won_reason,
    if(
        is_closed and probability = 0,
        ['Price', 'Competitor', 'No budget', 'No decision', 'Missing feature'][
            pick(5, 'lost because', deals.deal_key)
        ],
        null
    ) as closed_lost_reason,
    if(is_closed, 'true', 'false') as hs_is_closed,
    if(is_closed and probability = 1, 'true', 'false') as hs_is_closed_won,
    case
        when is_closed and probability = 0 then if(pipeline_id = 'renewal', 'expired', null)
        when is_closed then 'active'
        when pipeline_id = 'renewal' then 'in_renewal'
        else 'draft'
    end as contract_status,
    -- An open renewal still has the end of the current contract.
    case
        when
            pipeline_id = 'renewal' and deals.fate = 'won' and not is_closed
            then contract_end_date - 365
        when pipeline_id = 'renewal' or (is_closed and probability = 1) then contract_end_date
    end as contract_end_date,
    cast(10 + rep_no as varchar) as hubspot_owner_id,
    utc(deals.opened_at) as createdate,
    if(is_closed, utc(deals.closed_at), null) as closedate,
    utc(entered_at) as hs_lastmodifieddate,
    false as is_deleted,
    dlt_load_id(entered_at) as _dlt_load_id,
    dlt_id('deal', deals.deal_key) as _dlt_id,
    entered_at as _arrived_at,
    deals.deal_key * 16 + version_no as _order,
from deal_stage_entries
inner join deals using (deal_key)
