{{ config(materialized='view') }}
{#
    grain: one row per order line and source; key: source, order_line_id
    rebuild: nothing is stored; the current version of each record that its source has not deleted
    why here: FURTHER ORDER SOURCES ENTER HERE: one staging model with these columns, one more `union all` block
#}
with unioned as (

    select
        'shopify' as source,
        order_line_id,
        order_id,
        product_id,
        sku,
        product_name,
        quantity,
        unit_price_amount,
        discount_amount,
        loaded_at
    from {{ ref('stg_shopify__order_lines') }}
    where is_current and not is_deleted

    union all

    select
        'shopify_graphql' as source,
        order_line_id,
        order_id,
        product_id,
        sku,
        product_name,
        quantity,
        unit_price_amount,
        discount_amount,
        loaded_at
    from {{ ref('stg_shopify_graphql__order_lines') }}
    where is_current and not is_deleted

),

shaped as (

    select
        source,
        cast(order_line_id as {{ dbt.type_string() }}) as order_line_id,
        cast(order_id as {{ dbt.type_string() }}) as order_id,
        cast(product_id as {{ dbt.type_string() }}) as product_id,
        cast(sku as {{ dbt.type_string() }}) as sku,
        product_name,
        {{ plausible_count('quantity') }} as quantity,
        {{ money('unit_price_amount') }} as unit_price_amount,
        {{ money('coalesce(discount_amount, 0)') }} as discount_amount,
        loaded_at
    from unioned

),

final as (

    select
        *,
        {{ missing_columns('fct_order_lines', {'order_line_id': 'order_line_id', 'order_id': 'order_id'}) }}
            as missing_columns
    from shaped

)

select * from final
