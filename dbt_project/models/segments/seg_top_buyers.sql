{#
    grain: one row per customer in the top part of buyers by lifetime revenue; key: customer_id
    why here: the first of top_value_parts equal parts of all customers with revenue; ties with the
        last one are included
#}
{% set parts = bounded_var('top_value_parts', 10, 2, 100) %}
with customers as (

    select * from {{ ref('dim_customers') }}
    where not is_employee and order_count > 0 and lifetime_revenue_amount > 0

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
    -- Rounded up: the top tenth of nine buyers is one.
    where value_rank <= ceil(buyer_count / cast({{ parts }} as double))

)

select * from final
