select
    pipeline_id as id,
    if(pipeline_id = 'default', 'Sales pipeline', 'Contract renewals') as label,
    cast(if(pipeline_id = 'default', 0, 1) as bigint) as display_order,
    utc(getvariable('world_start')) as created_at,
    utc(getvariable('world_start')) as updated_at,
    false as archived,
    dlt_load_id(getvariable('world_start')) as _dlt_load_id,
    dlt_id('pipeline', pipeline_id) as _dlt_id,
    getvariable('world_start') as _arrived_at,
    pipeline_id as _order,
from (select distinct pipeline_id from deal_stages) as pipelines
