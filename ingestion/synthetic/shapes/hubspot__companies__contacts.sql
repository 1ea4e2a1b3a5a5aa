select
    company_id as value,
    record_id as contacts_id,
    dlt_id('company', company_no) as _dlt_root_id,
    dlt_id('company', company_no) as _dlt_parent_id,
    cast(0 as bigint) as _dlt_list_idx,
    dlt_id('company contact', record_no) as _dlt_id,
    created_at as _arrived_at,
    record_no as _order,
from records
where source = 'hubspot' and company_no is not null
