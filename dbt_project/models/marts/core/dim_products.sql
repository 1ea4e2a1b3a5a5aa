{#
    grain: one row per product that was sold or seen; key: product_id
    why here: an order line has the product's name and sku of its day; the latest one counts
#}
with lines as (

    select * from {{ ref('fct_order_lines') }}
    where product_id is not null

),

orders as (

    select
        order_id,
        occurred_at
    from {{ ref('fct_orders') }}
    where not is_test and cancelled_at is null

),

categories as (

    select * from {{ ref('int_commerce__product_categories') }}

),

latest as (

    select
        lines.product_id,
        lines.sku,
        lines.product_name
    from lines
    left join orders on lines.order_id = orders.order_id
    qualify
        row_number() over (
            partition by lines.product_id
            order by orders.occurred_at desc nulls last, lines.order_line_id desc
        ) = 1

),

sales as (

    select
        lines.product_id,
        count(distinct orders.order_id) as order_count,
        count(distinct lines.sku) as sku_count,
        sum(case when orders.order_id is not null then lines.quantity else 0 end) as sold_quantity,
        min(orders.occurred_at) as first_sold_at,
        max(orders.occurred_at) as last_sold_at
    from lines
    left join orders on lines.order_id = orders.order_id
    group by 1

),

known as (

    select product_id from sales

    union

    select product_id from categories

),

final as (

    select
        known.product_id,
        latest.sku,
        latest.product_name,
        categories.product_category,
        coalesce(sales.sku_count, 0) as sku_count,
        coalesce(sales.order_count, 0) as order_count,
        cast(coalesce(sales.sold_quantity, 0) as {{ dbt.type_bigint() }}) as sold_quantity,
        sales.first_sold_at,
        sales.last_sold_at
    from known
    left join latest on known.product_id = latest.product_id
    left join sales on known.product_id = sales.product_id
    left join categories on known.product_id = categories.product_id

)

select * from final
