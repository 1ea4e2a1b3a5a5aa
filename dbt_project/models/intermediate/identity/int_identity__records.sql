{#
    grain: one row per (source, record_type, record_id, own identifier, identifier), also of deleted
        records
    rebuild: full table
    why here: identifiers are numbered by arrival, also after their record was deleted
#}
with

named as (

    {{ union_concept('identifiers') }}

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
    group by 1, 2, 3, 4, 5, 6, 7

)

select * from final
