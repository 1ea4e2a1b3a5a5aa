{{ config(materialized='view') }}
{#
    grain: one row per (source, record_type, record_id, attribute) with a value in a current record
        (events: per event)
    rebuild: a view
    why here: if a record has a mobile number, that is its phone
#}
with

offered as (

    select * from {{ ref('int_identity__attributes') }}

),

final as (

    select
        source,
        record_type,
        record_id,
        identifier_type,
        identifier_value,
        case when attribute = 'mobile_phone' then 'phone' else attribute end as attribute,
        coalesce(
            max(case when attribute = 'mobile_phone' then value end),
            max(case when attribute <> 'mobile_phone' then value end)
        ) as value,
        observed_at
    from offered
    where allows_attributes
    group by 1, 2, 3, 4, 5, 6, 8

)

select * from final
