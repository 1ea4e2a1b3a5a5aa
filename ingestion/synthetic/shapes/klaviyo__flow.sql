select
    flow_id as id,
    flow_name as name,
    'live' as status,
    trigger_type,
    false as archived,
    getvariable('world_start') as created,
    getvariable('world_start') as updated,
    false as _fivetran_deleted,
    getvariable('world_start') + interval 5 hour as _fivetran_synced,
    getvariable('world_start') + interval 5 hour as _arrived_at,
    flow_id as _order,
from message_flows
