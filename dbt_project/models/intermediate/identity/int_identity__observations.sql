{{ config(materialized='view') }}
{#
    grain: one row per (source, record_type, record_id, own identifier, identifier) of current
        records
    rebuild: a view
#}
with

records as (

    select * from {{ ref('int_identity__records') }}

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
        times_seen,
        first_loaded_at,
        last_loaded_at,
        first_seen_at,
        last_seen_at
    from records
    where is_living

)

select * from final
