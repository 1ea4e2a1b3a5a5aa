select
    cast(6215000000000 + campaign_no as varchar) as id,
    '1904400120071' as account_id,
    campaign_name as name,
    'ACTIVE' as status,
    getvariable('world_start') as updated_time,
    getvariable('world_start') + interval 5 hour as _fivetran_synced,
    getvariable('world_start') + interval 5 hour as _arrived_at,
    campaign_no as _order,
from ad_campaigns
where platform = 'meta'
