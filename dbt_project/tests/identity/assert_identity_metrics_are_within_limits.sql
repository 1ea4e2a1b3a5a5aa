{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'fct_identity_metrics'}}}) }}
-- A metric over its limit needs a person's review: the tables are right, the input may be wrong.
select
    metric,
    metric_value,
    max_value
from {{ ref('fct_identity_metrics') }}
where not is_within_limit
