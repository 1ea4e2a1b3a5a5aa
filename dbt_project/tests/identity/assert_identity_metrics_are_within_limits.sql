{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_identity_metrics'}}}) }}
-- A metric beyond its limit asks for a person: nothing is wrong with the tables, but with what they were told.
select
    metric,
    metric_value,
    max_value
from {{ ref('fct_identity_metrics') }}
where not is_within_limit
