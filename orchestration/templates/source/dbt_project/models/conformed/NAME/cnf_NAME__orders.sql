{{ config(materialized='view') }}
{#
    grain: one row per order that is not deleted; key: order_id
    rebuild: a view over staging
#}
with orders as (

    select * from {{ ref('stg_NAME__orders') }}
    where is_current and not is_deleted

),

final as (

    select
        order_id,
        'email' as identifier_type,
        email as identifier_value,
        cast(null as {{ dbt.type_string() }}) as order_name,
        financial_status,
        currency_code,
        cast(null as {{ dbt.type_string() }}) as cart_id,
        cast(null as {{ dbt.type_string() }}) as checkout_id,
        cast(null as {{ dbt.type_string() }}) as city,
        cast(null as {{ dbt.type_string() }}) as region,
        cast(null as {{ dbt.type_string() }}) as country_code,
        total_amount as subtotal_amount,
        cast(0 as decimal(18, 2)) as tax_amount,
        cast(0 as decimal(18, 2)) as discount_amount,
        total_amount,
        false as is_test,
        cancelled_at,
        ordered_at,
        updated_at,
        loaded_at
    from orders

)

select * from final
