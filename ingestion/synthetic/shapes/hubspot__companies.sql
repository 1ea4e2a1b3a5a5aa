select
    company_id as id,
    company_id as hs_object_id,
    company_name as name,
    domain, industry, city,
    country_name as country,
    utc(created_at) as createdate,
    utc(created_at) as hs_lastmodifieddate,
    false as is_deleted,
    dlt_load_id(created_at) as _dlt_load_id,
    dlt_id('company', company_no) as _dlt_id,
    created_at as _arrived_at,
    company_no as _order,
from companies
