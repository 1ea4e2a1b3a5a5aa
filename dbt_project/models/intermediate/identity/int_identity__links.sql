{{ config(meta={'clock': [{'column': dbt.dateadd('day', 'usable_days', 'last_seen_at')}]}) }}
{#
    grain: one row per (identifier_no_a, identifier_no_b, rule, source, record_id) that connects two
        identifiers
    rebuild: full table
    why here: from here on an identifier is a number instead of text, and a < b
#}
with

observations as (

    select * from {{ ref('int_identity__observations') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

identifier_types as (

    select * from {{ ref('identifier_types') }}

),

match_rules as (

    select * from {{ ref('match_rules') }}

),

overrides as (

    select * from {{ ref('int_identity__overrides') }}

),

{#
    A star: edges connect the record's own identifier with each of its other identifiers. A record
    type without a match rule has a weaker tier than every exact rule of the seed.
#}
observed as (

    select
        own.identifier_no as own_no,
        other.identifier_no as other_no,
        coalesce(
            match_rules.rule, concat(observations.source, '_', observations.record_type)
        ) as rule,
        observations.source,
        observations.record_id,
        greatest(coalesce(match_rules.tier, 5), own_types.tier, other_types.tier) as tier,
        observations.times_seen,
        coalesce(match_rules.is_enabled, true) as is_enabled,
        observations.first_seen_at,
        observations.last_seen_at,
        own_types.joins and other_types.joins as is_joining,
        least(
            coalesce(own_types.usable_days, 36500), coalesce(other_types.usable_days, 36500)
        ) as usable_days
    from observations
    inner join identifiers as own
        on
            observations.own_type = own.identifier_type
            and observations.own_value = own.identifier_value
    inner join identifiers as other
        on
            observations.identifier_type = other.identifier_type
            and observations.identifier_value = other.identifier_value
    left join match_rules
        on
            observations.source = match_rules.source
            and observations.record_type = match_rules.record_type
    inner join identifier_types as own_types on own.identifier_type = own_types.identifier_type
    inner join
        identifier_types as other_types
        on other.identifier_type = other_types.identifier_type
    where own.identifier_no <> other.identifier_no

),

decided as (

    select
        overrides.identifier_no_a as own_no,
        overrides.identifier_no_b as other_no,
        'override_include' as rule,
        'override' as source,
        overrides.decided_by as record_id,
        0 as tier,
        cast(1 as bigint) as times_seen,
        match_rules.is_enabled,
        overrides.decided_at as first_seen_at,
        overrides.decided_at as last_seen_at,
        true as is_joining,
        36500 as usable_days
    from overrides
    inner join match_rules on match_rules.rule = 'override_include'
    where overrides.action = 'include' and overrides.problem is null

),

links as (

    select * from observed

    union all

    select * from decided

),

final as (

    select
        least(own_no, other_no) as identifier_no_a,
        greatest(own_no, other_no) as identifier_no_b,
        rule,
        source,
        record_id,
        tier,
        cast(sum(times_seen) as bigint) as times_seen,
        is_enabled,
        is_joining,
        max(usable_days) as usable_days,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        max(last_seen_at) < {{ dbt.dateadd('day', '-max(usable_days)', as_of()) }} as is_expired
    from links
    group by 1, 2, 3, 4, 5, 6, 8, 9

)

select * from final
