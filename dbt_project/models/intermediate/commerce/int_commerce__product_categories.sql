{#
    grain: one row per product that has a category in a web event; key: product_id
    why here: order lines have the product but not its category; the latest web event decides
#}
with seen as (

    select
        product_id,
        product_category,
        max(occurred_at) as last_occurred_at
    from {{ ref('int_events__events') }}
    where product_id is not null and product_category is not null
    group by 1, 2

),

final as (

    select
        product_id,
        product_category
    from seen
    qualify
        row_number() over (
            partition by product_id
            order by last_occurred_at desc, product_category asc
        ) = 1

)

select * from final
