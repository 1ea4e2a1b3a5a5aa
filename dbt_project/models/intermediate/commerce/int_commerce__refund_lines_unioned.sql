{{ config(materialized='view') }}
{#
    grain: one row per refunded or removed order line, refund and source; key: source,
        refund_line_id
    rebuild: a view over the conformed refund lines
    why here: every shop's refund lines in one shape
#}
with refund_lines as (

    {{ union_concept('refund_lines') }}

),

final as (

    select
        source,
        refund_line_id,
        refund_id,
        order_line_id,
        {{ plausible_count('quantity') }} as quantity,
        {{ money('line_amount') }} as line_amount
    from refund_lines

)

select * from final
