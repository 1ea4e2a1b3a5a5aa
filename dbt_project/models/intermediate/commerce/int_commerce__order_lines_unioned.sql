{{ config(materialized='view') }}
{#
    grain: one row per order line and source; key: source, order_line_id
    rebuild: a view over the conformed order lines
    why here: every shop's order lines in one shape, with the required columns of fct_order_lines
        that they lack
#}
with order_lines as (

    {{ union_concept('order_lines') }}

),

shaped as (

    select
        source,
        order_line_id,
        order_id,
        product_id,
        sku,
        product_name,
        {{ plausible_count('quantity') }} as quantity,
        {{ money('unit_price_amount') }} as unit_price_amount,
        {{ money('coalesce(discount_amount, 0)') }} as discount_amount,
        coalesce(is_gift_card, false) as is_gift_card,
        loaded_at
    from order_lines

),

final as (

    select
        *,
        {{ missing_columns('fct_order_lines', {'order_line_id': 'order_line_id', 'order_id': 'order_id'}) }}
            as missing_columns
    from shaped

)

select * from final
