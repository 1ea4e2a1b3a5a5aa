{#
    grain: one row per device, taxonomy entry and provider that is live at as_of(); key: device_interest_id
    why here: anonymous by law: a device of a customer whose name we know keeps neither customer_id nor identifier_no
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

anonymous_customers as (

    select customer_id from {{ ref('dim_customers') }}
    where not is_identified

),

final as (

    select
        interests.device_interest_id,
        interests.device_id,
        anonymous_customers.customer_id,
        case when anonymous_customers.customer_id is not null then interests.identifier_no end
            as identifier_no,
        interests.taxonomy_id,
        interests.segment_name,
        interests.provider,
        interests.collected_at,
        interests.expires_at
    from interests
    left join identifiers on interests.identifier_no = identifiers.identifier_no
    left join anonymous_customers on identifiers.customer_id = anonymous_customers.customer_id

)

select * from final
