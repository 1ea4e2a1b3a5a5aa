{#
    grain: one row per anonymous customer with a live, listed third-party interest; key: customer_id
    why here: bdg_device_segments names a customer only while the customer is anonymous
#}
{% set interest_names = var('anonymous_interest_names', ['Coffee Lovers']) %}
with interests as (

    select * from {{ ref('bdg_device_segments') }}
    where
        customer_id is not null
        and lower(segment_name) in ({{ lowered_list(interest_names) }})

),

final as (

    select
        customer_id,
        min(segment_name) as segment_name,
        cast(count(*) as bigint) as interest_count,
        max(expires_at) as expires_at
    from interests
    group by 1

)

select * from final
