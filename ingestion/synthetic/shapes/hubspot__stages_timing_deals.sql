select
    deal_id as id,
    stage_id as stage,
    utc(entered_at) as hs_v2_date_enteredx,
    dlt_load_id(entered_at) as _dlt_load_id,
    dlt_id('deal stage', deal_key * 16 + version_no) as _dlt_id,
    entered_at as _arrived_at,
    deal_key * 16 + version_no as _order,
from deal_stage_entries
