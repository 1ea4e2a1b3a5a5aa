{{ config(meta={'dagster': {'ref': {'name': 'int_identity__partition'}}}) }}
-- customer_no is the customer's smallest identifier_no, component_no that of the raw component.
select
    customer_no,
    min(identifier_no) as oldest_identifier_no
from {{ ref('int_identity__partition') }}
group by 1
having min(identifier_no) <> customer_no or min(component_no) <> max(component_no)
