{{ config(meta={'dagster': {'ref': {'name': 'int_identity__customer_identifiers'}}}) }}
-- Every usable or shared identifier has exactly one customer, and a blocked or invalid one has none.
select
    identifier_no,
    identifier_status,
    customer_id
from {{ ref('int_identity__customer_identifiers') }}
where
    (identifier_status in ('usable', 'shared') and customer_id is null)
    or (identifier_status in ('blocked', 'invalid') and customer_id is not null)
