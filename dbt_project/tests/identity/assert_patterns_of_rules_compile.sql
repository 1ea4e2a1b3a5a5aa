{{ config(meta={'dagster': {'ref': {'name': 'identifier_types'}}}) }}
-- A pattern that the engine cannot compile fails here, by name, before a model uses it. Selects no
-- rows otherwise.
select identifier_type as pattern_of
from {{ ref('identifier_types') }}
where valid_pattern is not null and {{ matches_pattern("'a'", 'valid_pattern') }} is null

union all

select identifier_type as pattern_of
from {{ ref('identifier_blocklist') }}
where match = 'pattern' and {{ matches_pattern("'a'", 'value') }} is null
