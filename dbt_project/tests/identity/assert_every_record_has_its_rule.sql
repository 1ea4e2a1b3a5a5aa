{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'int_identity__records'}}}) }}
-- A record type that joins identifiers gets the default tier without a row in the seed match_rules:
-- decide how far to trust it.
select distinct
    records.source,
    records.record_type
from {{ ref('int_identity__records') }} as records
left join {{ ref('match_rules') }} as match_rules
    on records.source = match_rules.source and records.record_type = match_rules.record_type
where
    match_rules.rule is null
    and (records.identifier_type <> records.own_type or records.identifier_value <> records.own_value)
