{{ config(materialized='incremental', incremental_strategy='append', full_refresh=false) }}
{#
    grain: one row per (identifier_type, identifier_value) that ever arrived; key: identifier_no
    rebuild: appends new identifiers; never dropped. Raw gives the same numbers again: they follow
        arrival, then type, then value
    why here: a number is assigned once, and the smallest one names the customer
#}
with

arrived as (

    select
        identifier_type,
        identifier_value,
        min(first_loaded_at) as first_loaded_at
    from {{ ref('int_identity__records') }}
    group by 1, 2

),

{% if is_incremental() %}
known as (

    select * from {{ this }}

),

new as (

    select arrived.*
    from arrived
    left join known
        on arrived.identifier_type = known.identifier_type
        and arrived.identifier_value = known.identifier_value
    where known.identifier_no is null

),

greatest_number as (

    select coalesce(max(identifier_no), 0) as identifier_no from known

),
{% else %}
    new as (

        select * from arrived

    ),

    greatest_number as (

        select cast(0 as bigint) as identifier_no

    ),
{% endif %}

final as (

    select
        cast(
            greatest_number.identifier_no + row_number() over (
                order by new.first_loaded_at, new.identifier_type, new.identifier_value
            ) as bigint
        ) as identifier_no,
        new.identifier_type,
        new.identifier_value,
        new.first_loaded_at
    from new
    cross join greatest_number

)

select * from final
