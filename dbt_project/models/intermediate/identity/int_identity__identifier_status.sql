{{ config(materialized='changed_rows') }}
{#
    grain: one row per identifier that a current record names; key: identifier_no
    rebuild: full table
    why here: invalid, blocked and shared identifiers are shown and never join
#}
with

observed_records as (

    select * from {{ ref('int_identity__observations') }}

),

observed as (

    select distinct
        identifier_type,
        identifier_value
    from observed_records

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

identifier_types as (

    select * from {{ ref('identifier_types') }}

),

blocklist as (

    select * from {{ ref('identifier_blocklist') }}

),

pattern_matches as (

    select * from {{ ref('int_identity__pattern_matches') }}

),

links as (

    select * from {{ ref('int_identity__links') }}

),

{# A number with extensions belongs to an office, even where a record does not name its extension. #}
{# A former id of an account is not a second account: no limit counts it. #}
former_accounts as (

    select distinct
        identifier_type,
        identifier_value
    from observed_records
    where record_type = 'account_alias' and own_type = identifier_type and own_value <> identifier_value

),

switchboards as (

    select distinct phone_e164
    from {{ ref('cnf_lookups__phone_numbers') }}
    where phone_extension is not null

),

typed as (

    select
        identifiers.identifier_no,
        identifiers.identifier_type,
        identifiers.identifier_value,
        identifier_types.scope,
        identifier_types.max_per_customer,
        identifier_types.max_persons_before_shared,
        {# No system issues longer values or control characters: it is a file or a broken export. #}
        length(identifiers.identifier_value) <= 512
        and not {{ matches_pattern('identifiers.identifier_value', "'[\\x00-\\x1f\\x7f]'") }}
        and coalesce(pattern_matches.is_match, true) as is_valid
    from observed
    inner join identifiers
        on
            observed.identifier_type = identifiers.identifier_type
            and observed.identifier_value = identifiers.identifier_value
    inner join identifier_types on identifiers.identifier_type = identifier_types.identifier_type
    left join pattern_matches
        on
            identifiers.identifier_no = pattern_matches.identifier_no
            and identifier_types.valid_pattern = pattern_matches.pattern

),

compared as (

    select
        identifier_no,
        identifier_type,
        'exact' as match,
        identifier_value as value
    from typed

    union all

    select
        identifier_no,
        identifier_type,
        'local_part' as match,
        {{ dbt.split_part('identifier_value', "'@'", 1) }} as value
    from typed
    where identifier_type = 'email'

    union all

    select
        identifier_no,
        identifier_type,
        'domain' as match,
        {{ dbt.split_part('identifier_value', "'@'", 2) }} as value
    from typed
    where identifier_type = 'email'

    union all

    select
        typed.identifier_no,
        typed.identifier_type,
        'pattern' as match,
        pattern_matches.pattern as value
    from typed
    inner join pattern_matches on typed.identifier_no = pattern_matches.identifier_no
    where pattern_matches.is_match

    union all

    select
        identifier_no,
        identifier_type,
        'word' as match,
        {{ placeholder_word(
            "case when identifier_type = 'email' then " ~ dbt.split_part('identifier_value', "'@'", 1)
            ~ " else identifier_value end"
        ) }} as value
    from typed

),

{# Without a type, a row is about every type. #}
listed as (

    select
        identifier_type,
        match,
        case when match = 'word' then {{ placeholder_word('value') }} else value end as value,
        case when keep_as_attribute then 1 else 0 end as keep_number,
        reason
    from blocklist

),

{# guest@ may be the mailbox of a company: a row about e-mail addresses counts before one about every type. #}
blocked as (

    select
        compared.identifier_no,
        coalesce(
            min(case when listed.identifier_type is not null then listed.reason end), min(listed.reason)
        ) as reason,
        coalesce(
            min(case when listed.identifier_type is not null then listed.keep_number end), min(listed.keep_number)
        ) = 1 as is_attribute
    from compared
    inner join listed
        on
            compared.match = listed.match
            and compared.value = listed.value
            and coalesce(listed.identifier_type, compared.identifier_type) = compared.identifier_type
    group by 1

),

judged as (

    select
        typed.*,
        blocked.reason as blocked_reason,
        coalesce(blocked.is_attribute, true) as is_attribute,
        typed.is_valid and blocked.identifier_no is null as is_sound
    from typed
    left join blocked on typed.identifier_no = blocked.identifier_no

),

both_ways as (

    select
        identifier_no_a as identifier_no,
        identifier_no_b as neighbour_no,
        source
    from links
    where is_enabled and is_joining and not is_expired and source <> 'override'

    union all

    select
        identifier_no_b as identifier_no,
        identifier_no_a as neighbour_no,
        source
    from links
    where is_enabled and is_joining and not is_expired and source <> 'override'

),

{# Counted per type: one person may have an id in seven systems, but not seven ids in one system. #}
persons_per_type as (

    select
        both_ways.identifier_no,
        neighbours.identifier_type,
        count(distinct both_ways.neighbour_no) as person_count
    from both_ways
    inner join judged as subjects on both_ways.identifier_no = subjects.identifier_no
    inner join judged as neighbours on both_ways.neighbour_no = neighbours.identifier_no
    where
        subjects.max_persons_before_shared is not null
        and neighbours.scope = 'person'
        and neighbours.is_sound
    group by 1, 2

),

persons as (

    select
        identifier_no,
        max(person_count) as person_count
    from persons_per_type
    group by 1

),

final as (

    select
        judged.identifier_no,
        judged.identifier_type,
        judged.identifier_value,
        case
            when not judged.is_valid then 'invalid'
            when judged.blocked_reason is not null then 'blocked'
            when persons.person_count > judged.max_persons_before_shared then 'shared'
            when switchboards.phone_e164 is not null then 'shared'
            else 'usable'
        end as identifier_status,
        case
            when not judged.is_valid then 'too long, not text, or not of the pattern of its type'
            when judged.blocked_reason is not null then judged.blocked_reason
            when persons.person_count > judged.max_persons_before_shared
                then 'touches more persons than its type allows'
            when switchboards.phone_e164 is not null then 'a switchboard: a record names an extension of it'
        end as reason,
        judged.scope,
        coalesce(persons.person_count, 0) as person_count,
        case when former_accounts.identifier_value is null then judged.max_per_customer end as max_per_customer,
        judged.max_persons_before_shared,
        judged.is_sound as has_customer,
        judged.is_valid and judged.is_attribute as is_attribute
    from judged
    left join persons on judged.identifier_no = persons.identifier_no
    left join former_accounts
        on
            judged.identifier_type = former_accounts.identifier_type
            and judged.identifier_value = former_accounts.identifier_value
    left join switchboards
        on judged.identifier_type = 'phone' and judged.identifier_value = switchboards.phone_e164

)

select * from final
