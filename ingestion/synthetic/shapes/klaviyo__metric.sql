select
    metric_id as id,
    metric_name as name,
    '0eNk01' as integration_id,
    'Klaviyo' as integration_name,
    if(metric_no > 5, 'SMS', 'Email') as integration_category,
    getvariable('world_start') as created,
    getvariable('world_start') as updated,
    false as _fivetran_deleted,
    getvariable('world_start') + interval 5 hour as _fivetran_synced,
    getvariable('world_start') + interval 5 hour as _arrived_at,
    metric_no as _order,
from message_metrics
