{{ config(materialized='changed_rows') }}
{#
    grain: one row per (identifier_no, namer_no, kind, value, last_name, full_name) of the
        identifiers in int_identity__shared_use whose namers have different names or birth dates
    rebuild: full table
    why here: what is known of a record that names a shared identifier; without a name or birth date
        of its own, what the records with the same e-mail address or account say
#}
{%- set kinds = {
    'name': 'coalesce(known.first_name, known.last_name, known.full_name) is not null',
    'birth_date': 'known.birth_date is not null',
} -%}
with

shared_use as (

    select distinct
        identifier_no,
        namer_no
    from {{ ref('int_identity__shared_use') }}

),

namers as (

    select distinct namer_no from shared_use

),

links as (

    select * from {{ ref('int_identity__links') }}

),

identifier_status as (

    select * from {{ ref('int_identity__identifier_status') }}

),

identifier_types as (

    select * from {{ ref('identifier_types') }}

),

offered as (

    select * from {{ ref('int_identity__attributes') }}

),

records as (

    select
        source,
        record_type,
        record_id,
        identifier_type,
        identifier_value,
        max(case when attribute = 'first_name' then value end) as first_name,
        max(case when attribute = 'last_name' then value end) as last_name,
        max(case when attribute = 'full_name' then value end) as full_name,
        max(case when attribute = 'birth_date' then value end) as birth_date
    from offered
    where allows_matching and attribute in ('first_name', 'last_name', 'full_name', 'birth_date')
    group by 1, 2, 3, 4, 5

),

known as (

    select distinct
        identifier_status.identifier_no,
        records.first_name,
        records.last_name,
        records.full_name,
        records.birth_date
    from records
    inner join identifier_status
        on
            records.identifier_type = identifier_status.identifier_type
            and records.identifier_value = identifier_status.identifier_value

),

{# Identifiers of persons; what people share by nature shows nothing about one of them. #}
personal as (

    select
        identifier_status.identifier_no,
        identifier_status.identifier_type,
        identifier_status.identifier_value,
        {{ limited_type('identifier_status') }} as limited_type,
        identifier_types.max_per_customer
    from identifier_status
    inner join identifier_types
        on identifier_status.identifier_type = identifier_types.identifier_type
    where
        identifier_status.identifier_status = 'usable'
        and not identifier_types.is_shared_by_nature

),

both_ways as (

    select
        identifier_no_a as identifier_no,
        identifier_no_b as other_no
    from links
    where is_enabled and is_joining and not is_expired and source <> 'override'

    union

    select
        identifier_no_b as identifier_no,
        identifier_no_a as other_no
    from links
    where is_enabled and is_joining and not is_expired and source <> 'override'

),

personal_links as (

    select
        both_ways.identifier_no,
        others.identifier_no as other_no,
        others.identifier_type as other_type,
        others.identifier_value as other_value,
        others.limited_type,
        others.max_per_customer
    from both_ways
    inner join personal as ones on both_ways.identifier_no = ones.identifier_no
    inner join personal as others on both_ways.other_no = others.identifier_no

),

{# A record's own identifier counts as one that it has. #}
held as (

    select
        namers.namer_no,
        personal_links.other_no,
        personal_links.other_type,
        personal_links.other_value,
        personal_links.limited_type,
        personal_links.max_per_customer
    from namers
    inner join personal_links on namers.namer_no = personal_links.identifier_no

    union all

    select
        namers.namer_no,
        personal.identifier_no as other_no,
        personal.identifier_type as other_type,
        personal.identifier_value as other_value,
        personal.limited_type,
        personal.max_per_customer
    from namers
    inner join personal on namers.namer_no = personal.identifier_no

),

beside as (

    select
        held.namer_no,
        personal_links.other_no
    from held
    inner join personal_links on held.other_no = personal_links.identifier_no

    union

    select
        namer_no,
        other_no
    from held

),

{% for kind, condition in kinds.items() %}
    own_{{ kind }}s as (

        select
            namers.namer_no,
            known.*
        from namers
        inner join known on namers.namer_no = known.identifier_no
        where {{ condition }}

    ),

    {{ kind }}s as (

        select * from own_{{ kind }}s

        union all

        select
            beside.namer_no,
            known.*
        from beside
        inner join known on beside.other_no = known.identifier_no
        left join own_{{ kind }}s on beside.namer_no = own_{{ kind }}s.namer_no
        where own_{{ kind }}s.namer_no is null and {{ condition }}

    ),

{% endfor %}
facts as (

    select distinct
        namer_no,
        'name' as kind,
        first_name as value,
        last_name,
        full_name
    from names

    union all

    select distinct
        namer_no,
        'birth_date' as kind,
        birth_date as value,
        cast(null as {{ dbt.type_string() }}) as last_name,
        cast(null as {{ dbt.type_string() }}) as full_name
    from birth_dates

    union all

    select distinct
        held.namer_no,
        'email' as kind,
        held.other_value as value,
        cast(null as {{ dbt.type_string() }}) as last_name,
        cast(null as {{ dbt.type_string() }}) as full_name
    from held
    where held.other_type = 'email'

    union all

    select distinct
        held.namer_no,
        'account' as kind,
        concat(held.limited_type, ' ', held.other_value) as value,
        cast(null as {{ dbt.type_string() }}) as last_name,
        cast(null as {{ dbt.type_string() }}) as full_name
    from held
    where held.max_per_customer = 1

    union all

    select distinct
        held.namer_no,
        'link' as kind,
        cast(held.other_no as {{ dbt.type_string() }}) as value,
        cast(null as {{ dbt.type_string() }}) as last_name,
        cast(null as {{ dbt.type_string() }}) as full_name
    from held

),

used as (

    select
        shared_use.identifier_no,
        facts.*
    from shared_use
    inner join facts on shared_use.namer_no = facts.namer_no

),

contested as (

    select distinct identifier_no
    from (
        select
            identifier_no,
            kind,
            min(lower(coalesce(value, ''))) as least_value,
            max(lower(coalesce(value, ''))) as greatest_value,
            min(lower(coalesce(last_name, ''))) as least_name,
            max(lower(coalesce(last_name, ''))) as greatest_name,
            min(lower(coalesce(full_name, ''))) as least_full_name,
            max(lower(coalesce(full_name, ''))) as greatest_full_name
        from used
        where kind in ('name', 'birth_date')
        group by 1, 2
    ) as ranges
    where
        least_value < greatest_value
        or least_name < greatest_name
        or least_full_name < greatest_full_name

),

final as (

    select used.*
    from used
    inner join contested on used.identifier_no = contested.identifier_no

)

select * from final
