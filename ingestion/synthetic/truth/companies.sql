select
    concat('F', lpad(cast(company_no as varchar), 7, '0')) as company_id,
    company_id as hubspot_company_id,
    company_name, domain, industry, country_code,
from companies
order by 1
