{#
    grain: one row per device, taxonomy entry and provider that is live at as_of();
        key: device_interest_id
    why here: anonymous by law: devices of identified customers are left out, so that no reader can
        join them to a name
#}
with interests as (

    select * from {{ ref('int_devices__interests') }}

),

identifiers as (

    select
        identifier_no,
        customer_id
    from {{ ref('int_identity__customer_identifiers') }}

),

customers as (

    select
        customer_id,
        is_identified
    from {{ ref('dim_customers') }}

),

final as (

    select
        interests.device_interest_id,
        interests.device_id,
        customers.customer_id,
        interests.identifier_no,
        interests.taxonomy_id,
        interests.segment_name,
        interests.provider,
        interests.collected_at,
        interests.expires_at
    from interests
    left join identifiers on interests.identifier_no = identifiers.identifier_no
    left join customers on identifiers.customer_id = customers.customer_id
    where not coalesce(customers.is_identified, false)

)

select * from final
