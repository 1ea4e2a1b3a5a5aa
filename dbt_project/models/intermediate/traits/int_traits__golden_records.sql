{{ config(materialized='view') }}
{#
    grain: one row per (source, record_type, record_id, attribute) with a value in a current record
        (events: per event)
    rebuild: a view
    why here: if a record has a mobile number, that is its phone
#}
with

offered as (

    select
        source,
        record_type,
        record_id,
        identifier_type,
        identifier_value,
        attribute,
        value,
        is_verified,
        observed_at
    from {{ ref('int_identity__attributes') }}
    where allows_attributes

),

{# Only phones need to be grouped. #}
phones as (

    select
        source,
        record_type,
        record_id,
        identifier_type,
        identifier_value,
        'phone' as attribute,
        coalesce(
            max(case when attribute = 'mobile_phone' then value end),
            max(case when attribute = 'phone' then value end)
        ) as value,
        max(case when is_verified then 1 else 0 end) = 1 as is_verified,
        observed_at
    from offered
    where attribute in ('phone', 'mobile_phone')
    group by 1, 2, 3, 4, 5, 9

),

final as (

    select * from offered
    where attribute not in ('phone', 'mobile_phone')

    union all

    select * from phones

)

select * from final
