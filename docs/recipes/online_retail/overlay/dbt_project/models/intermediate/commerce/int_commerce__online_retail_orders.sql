{{ config(materialized='view') }}
{#
    grain: one row per invoice or credit note; key: order_id
    rebuild: nothing is stored; sums over the lines of staging
    why here: the file has lines only, and an order is what its lines add up to
#}
with lines as (

    select * from {{ ref('stg_online_retail__invoice_lines') }}

),

final as (

    select
        order_id,
        max(online_retail_customer_id) as online_retail_customer_id,
        max(country_code) as country_code,
        max(currency_code) as currency_code,
        sum(quantity * unit_price_amount) as total_amount,
        min(ordered_at) as ordered_at,
        max(loaded_at) as loaded_at
    from lines
    group by 1

)

select * from final
