select
    contact_id as value,
    call_id as calls_id,
    dlt_id('call', contact_no * 64 + turn) as _dlt_root_id,
    dlt_id('call', contact_no * 64 + turn) as _dlt_parent_id,
    cast(0 as bigint) as _dlt_list_idx,
    dlt_id('call contact', contact_no * 64 + turn) as _dlt_id,
    called_at as _arrived_at,
    call_id as _order,
from calls
