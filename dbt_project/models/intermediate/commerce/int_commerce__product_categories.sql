{#
    grain: one row per product that a web event named with a category; key: product_id
    why here: order lines know the product and not its category; the web's latest word on it is taken
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
