{{ config(materialized='incremental', incremental_strategy='append') }}
{#
    grain: one row per identifier and pattern that a current or former rule has for its type; key:
        (identifier_no, pattern)
    rebuild: appends new combinations; results never change, so a full refresh gives the same rows
        for today's rules
    why here: a regular expression that differs by row is compiled for each row, so each identifier
        is matched once
#}
with

identifiers as (

    select *
    from {{ ref('int_identity__identifiers') }}
    where identifier_value is not null

),

patterns as (

    select
        identifier_type,
        valid_pattern as pattern
    from {{ ref('identifier_types') }}
    where valid_pattern is not null

    union

    select
        identifier_type,
        value as pattern
    from {{ ref('identifier_blocklist') }}
    where match = 'pattern'

),

final as (

    select
        identifiers.identifier_no,
        patterns.pattern,
        {{ matches_pattern('identifiers.identifier_value', 'patterns.pattern') }} as is_match
    from identifiers
    inner join patterns on identifiers.identifier_type = patterns.identifier_type
    {% if is_incremental() %}
        left join {{ this }} as known
            on identifiers.identifier_no = known.identifier_no and patterns.pattern = known.pattern
        where known.identifier_no is null
    {% endif %}

)

select * from final
