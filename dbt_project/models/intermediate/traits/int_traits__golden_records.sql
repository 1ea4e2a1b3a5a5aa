{{ config(materialized='view') }}
{#
    grain: one row per (source, record_type, record_id, attribute) with a value in a current record
        (events: per event)
    rebuild: a view
    why here: if a record has a mobile number, that is its phone; names are as people write them, and
        a record with a full name only has its parts
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

names as (

    select * from {{ ref('cnf_lookups__names') }}

),

cased as (

    select
        offered.source,
        offered.record_type,
        offered.record_id,
        offered.identifier_type,
        offered.identifier_value,
        offered.attribute,
        coalesce(case offered.attribute when 'first_name' then names.first_name else names.last_name end, offered.value)
            as value,
        offered.is_verified,
        offered.observed_at
    from offered
    left join names
        on
            offered.attribute = names.name_type
            and {{ unparsed_name('offered.attribute', 'offered.value') }} = names.name_text
    where offered.attribute in ('first_name', 'last_name')

),

{% for attribute in ['first_name', 'last_name'] -%}
    split_{{ attribute }}s as (

        select
            full_names.source,
            full_names.record_type,
            full_names.record_id,
            full_names.identifier_type,
            full_names.identifier_value,
            '{{ attribute }}' as attribute,
            names.{{ attribute }} as value,
            full_names.is_verified,
            full_names.observed_at
        from offered as full_names
        inner join names on names.name_type = 'full_name' and full_names.value = names.name_text
        left join cased
            on
                full_names.source = cased.source
                and full_names.record_type = cased.record_type
                and full_names.record_id = cased.record_id
        where full_names.attribute = 'full_name' and names.{{ attribute }} is not null and cased.record_id is null

    ),

{% endfor -%}
final as (

    select * from offered
    where attribute not in ('phone', 'mobile_phone', 'first_name', 'last_name')

    union all

    select * from phones

    union all

    select * from cased

    union all

    select * from split_first_names

    union all

    select * from split_last_names

)

select * from final
