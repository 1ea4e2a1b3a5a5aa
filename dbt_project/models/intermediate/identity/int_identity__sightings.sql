{#
    grain: one row per (source, record_type, record_id, own identifier, identifier), living or not
    rebuild: full table
    why here: identifiers are numbered by arrival, and arrival outlives the record that brought them
#}
with

records as (

    select * from {{ ref('int_identity__records') }}

),

slots as (

    {% for slot in range(7) %}
        select {{ slot }} as slot{{ ' union all' if not loop.last }}
    {% endfor %}

),

{# One scan: every record is laid against the seven places where it may name an identifier. #}
named as (

    select
        slots.slot,
        records.source,
        records.record_type,
        records.record_id,
        records.own_type,
        records.own_value,
        case slots.slot
            when 0 then records.own_type
            when 1 then 'email'
            when 2 then 'phone'
            when 3 then 'phone'
            when 4 then 'user_id'
            when 5 then 'anonymous_id'
            else records.other_type
        end as identifier_type,
        case slots.slot
            when 0 then records.own_value
            when 1 then records.email
            when 2 then records.phone
            when 3 then records.mobile_phone
            when 4 then records.user_id
            when 5 then records.anonymous_id
            else records.other_value
        end as identifier_value,
        records.times_seen,
        records.is_living,
        records.first_loaded_at,
        records.last_loaded_at,
        records.first_seen_at,
        records.last_seen_at
    from records
    cross join slots

),

final as (

    select
        source,
        record_type,
        record_id,
        own_type,
        own_value,
        identifier_type,
        identifier_value,
        cast(sum(times_seen) as bigint) as times_seen,
        max(case when is_living then 1 else 0 end) = 1 as is_living,
        min(first_loaded_at) as first_loaded_at,
        max(last_loaded_at) as last_loaded_at,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at
    from named
    where
        identifier_value <> ''
        and identifier_type is not null
        and (slot = 0 or identifier_type <> own_type or identifier_value <> own_value)
    group by 1, 2, 3, 4, 5, 6, 7

)

select * from final
