{{ config(materialized='changed_rows') }}
{#
    grain: one row per (identifier_no, namer_no, source): an identifier that people share by nature,
        and the own identifier of a record that names it, where at least two do
    rebuild: full table
    why here: a phone, an address or a device joins the records that name it unless something else
        speaks against it
#}
with

links as (

    select * from {{ ref('int_identity__links') }}

),

identifier_status as (

    select * from {{ ref('int_identity__identifier_status') }}

),

identifier_types as (

    select * from {{ ref('identifier_types') }}

),

usable as (

    select
        identifier_status.identifier_no,
        identifier_status.identifier_type,
        identifier_status.identifier_value,
        identifier_types.is_shared_by_nature
    from identifier_status
    inner join identifier_types
        on identifier_status.identifier_type = identifier_types.identifier_type
    where identifier_status.identifier_status = 'usable'

),

both_ways as (

    select
        identifier_no_a as identifier_no,
        identifier_no_b as namer_no,
        source,
        tier,
        times_seen,
        last_seen_at
    from links
    where is_enabled and is_joining and not is_expired and source <> 'override'

    union all

    select
        identifier_no_b as identifier_no,
        identifier_no_a as namer_no,
        source,
        tier,
        times_seen,
        last_seen_at
    from links
    where is_enabled and is_joining and not is_expired and source <> 'override'

),

named as (

    select
        both_ways.identifier_no,
        both_ways.namer_no,
        both_ways.source,
        namers.identifier_type as namer_type,
        namers.identifier_value as namer_value,
        min(both_ways.tier) as tier,
        cast(sum(both_ways.times_seen) as bigint) as times_seen,
        max(both_ways.last_seen_at) as last_seen_at
    from both_ways
    inner join usable as subjects
        on both_ways.identifier_no = subjects.identifier_no and subjects.is_shared_by_nature
    inner join usable as namers
        on both_ways.namer_no = namers.identifier_no and not namers.is_shared_by_nature
    group by 1, 2, 3, 4, 5

),

met as (

    select identifier_no
    from named
    group by 1
    having min(namer_no) < max(namer_no)

),

final as (

    select named.*
    from named
    inner join met on named.identifier_no = met.identifier_no

)

select * from final
