{{ config(meta={'dagster': {'ref': {'name': 'int_identity__customer_identifiers'}}}) }}
-- Usable and shared identifiers have exactly one customer, blocked and invalid ones have none.
select
    identifier_no,
    identifier_status,
    customer_id
from {{ ref('int_identity__customer_identifiers') }}
where
    (identifier_status in ('usable', 'shared') and customer_id is null)
    or (identifier_status in ('blocked', 'invalid') and customer_id is not null)
