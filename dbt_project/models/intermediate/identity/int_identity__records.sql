{{ config(materialized='changed_rows') }}
{#
    grain: one row per (source, record_type, record_id, own identifier, identifier), also of deleted
        records
    rebuild: full table
    why here: identifiers are numbered by arrival, also after their record was deleted; a phone that
        is no valid number is no identifier
#}
with

named as (

    {{ union_concept('identifiers') }}

),

stated as (

    select
        source,
        record_type,
        record_id,
        own_type,
        own_value,
        identifier_type,
        identifier_value,
        times_seen,
        is_living,
        first_loaded_at,
        last_loaded_at,
        first_seen_at,
        last_seen_at
    from named

    union all

    {# Many shops use the e-mail address as the id of an account: both are the same person. #}
    select
        source,
        record_type,
        record_id,
        identifier_type as own_type,
        identifier_value as own_value,
        'email' as identifier_type,
        {{ normalize_email('identifier_value') }} as identifier_value,
        times_seen,
        is_living,
        first_loaded_at,
        last_loaded_at,
        first_seen_at,
        last_seen_at
    from named
    where identifier_type not in ('email', 'phone') and position('@' in identifier_value) > 1

),

parsed as (

    {{ parse_values('stated', [
        {'kind': 'own_type', 'value': 'own_value', 'parsed': 'parsed_own_value'},
        {'kind': 'identifier_type', 'value': 'identifier_value', 'parsed': 'parsed_value'},
    ]) }}

),

final as (

    select
        source,
        record_type,
        record_id,
        own_type,
        parsed_own_value as own_value,
        identifier_type,
        parsed_value as identifier_value,
        cast(sum(times_seen) as bigint) as times_seen,
        max(case when is_living then 1 else 0 end) = 1 as is_living,
        min(first_loaded_at) as first_loaded_at,
        max(last_loaded_at) as last_loaded_at,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from parsed
    where parsed_own_value is not null and parsed_value is not null
    group by 1, 2, 3, 4, 5, 6, 7

)

select * from final
