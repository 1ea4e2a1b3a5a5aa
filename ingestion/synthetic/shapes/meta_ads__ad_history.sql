select
    cast(6217000000000 + campaign_no * 2 + part as varchar) as id,
    '1904400120071' as account_id,
    cast(6215000000000 + campaign_no as varchar) as campaign_id,
    cast(6216000000000 + campaign_no as varchar) as ad_set_id,
    cast(6218000000000 + campaign_no * 2 + part as varchar) as creative_id,
    concat(campaign_name, if(part = 0, '_still', '_video')) as name,
    'ACTIVE' as status,
    getvariable('world_start') as updated_time,
    getvariable('world_start') + interval 5 hour as _fivetran_synced,
    getvariable('world_start') + interval 5 hour as _arrived_at,
    campaign_no * 2 + part as _order,
from ad_campaigns
cross join range(2) as creative (part)
where platform = 'meta'
