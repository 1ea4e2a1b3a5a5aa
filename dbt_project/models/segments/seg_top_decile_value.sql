{#
    grain: one row per customer among the top part of buyers by lifetime revenue; key: customer_id
    why here: of all customers who brought revenue, the first of top_value_parts equal parts; who ties with the last one is in too
#}
{% set parts = bounded_var('top_value_parts', 10, 2, 100) %}
with customers as (

    select * from {{ ref('dim_customers') }}
    where order_count > 0 and lifetime_revenue_amount > 0

),

ranked as (

    select
        customer_id,
        revenue_currency,
        lifetime_revenue_amount,
        rank() over (order by lifetime_revenue_amount desc) as value_rank,
        count(*) over () as buyer_count
    from customers

),

final as (

    select
        customer_id,
        revenue_currency,
        cast(value_rank as bigint) as value_rank,
        cast(buyer_count as bigint) as buyer_count,
        lifetime_revenue_amount
    from ranked
    -- Rounded up, so that nine buyers have a top tenth of one.
    where value_rank <= ceil(buyer_count / cast({{ parts }} as double))

)

select * from final
