{{ config(materialized='view') }}
{#
    grain: one row per abandoned checkout that is not deleted; key: checkout_id
    rebuild: a view over staging
#}
with checkouts as (

    select * from {{ ref('stg_shopify_graphql__abandoned_checkouts') }}
    where is_current and not is_deleted

),

final as (

    select
        cast(checkout_id as {{ dbt.type_string() }}) as checkout_id,
        case
            when shopify_customer_id is not null then 'shopify_customer_id'
            when email is not null then 'email'
            when phone is not null then 'phone'
        end as identifier_type,
        coalesce(cast(shopify_customer_id as {{ dbt.type_string() }}), email, phone) as identifier_value,
        cart_id,
        currency_code,
        total_amount,
        created_at,
        completed_at,
        updated_at,
        loaded_at
    from checkouts

)

select * from final
