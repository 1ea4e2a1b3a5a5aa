select
    deals.company_id as value,
    deal_id as deals_id,
    dlt_id('company', company_no) as _dlt_root_id,
    dlt_id('company', company_no) as _dlt_parent_id,
    cast(0 as bigint) as _dlt_list_idx,
    dlt_id('company deal', deal_key) as _dlt_id,
    opened_at as _arrived_at,
    deal_key as _order,
from deals
inner join companies on companies.company_id = deals.company_id
