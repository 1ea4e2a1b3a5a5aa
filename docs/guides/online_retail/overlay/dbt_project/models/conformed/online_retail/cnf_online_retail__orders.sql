{{ config(materialized='view') }}
{#
    grain: one row per invoice or credit note; key: order_id
    rebuild: a view over the lines of staging
    why here: the file has only lines, and their sum is the order
#}
with lines as (

    select * from {{ ref('stg_online_retail__invoice_lines') }}

),

final as (

    select
        order_id,
        case
            when max(online_retail_customer_id) is not null then 'online_retail_customer_id'
            else 'online_retail_order_id'
        end as identifier_type,
        coalesce(max(online_retail_customer_id), order_id) as identifier_value,
        order_id as order_name,
        'paid' as financial_status,
        max(currency_code) as currency_code,
        cast(null as {{ dbt.type_string() }}) as cart_id,
        cast(null as {{ dbt.type_string() }}) as checkout_id,
        cast(null as {{ dbt.type_string() }}) as city,
        cast(null as {{ dbt.type_string() }}) as region,
        max(country_code) as country_code,
        sum(quantity * unit_price_amount) as subtotal_amount,
        cast(null as decimal(18, 2)) as tax_amount,
        cast(null as decimal(18, 2)) as discount_amount,
        cast(null as decimal(18, 2)) as shipping_amount,
        cast(null as decimal(18, 2)) as tip_amount,
        cast(null as decimal(18, 2)) as duties_amount,
        sum(quantity * unit_price_amount) as total_amount,
        cast(null as decimal(18, 2)) as current_total_amount,
        false as is_tax_included,
        false as is_test,
        cast(null as timestamp) as cancelled_at,
        min(ordered_at) as ordered_at,
        min(ordered_at) as updated_at,
        max(loaded_at) as loaded_at
    from lines
    group by order_id

)

select * from final
