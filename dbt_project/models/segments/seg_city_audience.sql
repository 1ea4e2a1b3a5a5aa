{#
    grain: one row per customer who lives in one of the listed cities or regions; key: customer_id
#}
{% set cities = var('city_audience_cities', ['Berlin']) %}
{% set regions = var('city_audience_regions', []) %}
with customers as (

    select * from {{ ref('dim_customers') }}
    where
        not is_employee
        and (
            lower(trim(city)) in ({{ lowered_list(cities) }})
            or lower(trim(region)) in ({{ lowered_list(regions) }})
        )

),

final as (

    select
        customer_id,
        city,
        region,
        country_code
    from customers

)

select * from final
