select
    cast(20400000000 + campaign_no as varchar) as id,
    '4417720931' as customer_id,
    campaign_name as name,
    campaign_type as advertising_channel_type,
    'UNSPECIFIED' as advertising_channel_subtype,
    'SERVING' as serving_status,
    'ENABLED' as status,
    cast(null as varchar) as tracking_url_template,
    cast(getvariable('world_start') as date) as start_date,
    date '2037-12-30' as end_date,
    getvariable('world_start') as updated_at,
    true as _fivetran_active,
    getvariable('world_start') + interval 5 hour as _fivetran_synced,
    getvariable('world_start') + interval 5 hour as _arrived_at,
    campaign_no as _order,
from ad_campaigns
where platform = 'google'
