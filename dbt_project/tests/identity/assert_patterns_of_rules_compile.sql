{{ config(meta={'dagster': {'ref': {'name': 'identifier_types'}}}) }}
-- A pattern that the engine cannot read fails here, by name, before anything is judged by it. Else nothing is selected.
select identifier_type as pattern_of
from {{ ref('identifier_types') }}
where valid_pattern is not null and {{ matches_pattern("'a'", 'valid_pattern') }} is null

union all

select identifier_type as pattern_of
from {{ ref('identifier_blocklist') }}
where match = 'pattern' and {{ matches_pattern("'a'", 'value') }} is null
