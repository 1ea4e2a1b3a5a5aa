{{ config(materialized='view') }}
{#
    grain: one row per checkout and source that records checkouts; key: source, checkout_id
    rebuild: nothing is stored; the current version of each record that its source has not deleted
    why here: FURTHER SOURCES OF CHECKOUTS ENTER HERE; those that only the web saw join in int_commerce__checkouts
#}
with unioned as (

    select
        'shopify' as source,
        checkout_id,
        cart_id,
        case
            when shopify_customer_id is not null then 'shopify_customer_id'
            when email is not null then 'email'
            when phone is not null then 'phone'
        end as identifier_type,
        coalesce(cast(shopify_customer_id as {{ dbt.type_string() }}), email, phone)
            as identifier_value,
        currency_code,
        total_amount,
        created_at,
        completed_at,
        updated_at,
        loaded_at
    from {{ ref('stg_shopify__abandoned_checkouts') }}
    where is_current and not is_deleted

    union all

    select
        'shopify_graphql' as source,
        checkout_id,
        cart_id,
        case
            when shopify_customer_id is not null then 'shopify_customer_id'
            when email is not null then 'email'
            when phone is not null then 'phone'
        end as identifier_type,
        coalesce(cast(shopify_customer_id as {{ dbt.type_string() }}), email, phone)
            as identifier_value,
        currency_code,
        total_amount,
        created_at,
        completed_at,
        updated_at,
        loaded_at
    from {{ ref('stg_shopify_graphql__abandoned_checkouts') }}
    where is_current and not is_deleted

),

shaped as (

    select
        source,
        cast(checkout_id as {{ dbt.type_string() }}) as checkout_id,
        cast(cart_id as {{ dbt.type_string() }}) as cart_id,
        identifier_type,
        identifier_value,
        upper(currency_code) as currency_code,
        {{ money('total_amount') }} as total_amount,
        coalesce(created_at, updated_at, loaded_at) as created_at,
        created_at is null as is_occurred_at_estimated,
        completed_at,
        updated_at,
        loaded_at
    from unioned

),

final as (

    select
        *,
        {{ missing_columns('fct_checkouts', {'checkout_id': 'checkout_id', 'occurred_at': 'created_at'}) }}
            as missing_columns
    from shaped

)

select * from final
