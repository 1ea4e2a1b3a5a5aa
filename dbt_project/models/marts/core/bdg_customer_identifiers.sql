{#
    grain: one row per (identifier_type, identifier_value) that a current record names;
        key: identifier_no
    rebuild: full table
#}
with

customer_identifiers as (

    select * from {{ ref('int_identity__customer_identifiers') }}

),

final as (

    select
        identifier_no,
        customer_id,
        identifier_type,
        identifier_value,
        identifier_status,
        source_count,
        first_seen_at,
        last_seen_at
    from customer_identifiers

)

select * from final
