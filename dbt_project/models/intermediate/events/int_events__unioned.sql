{{ config(materialized='view') }}
{#
    grain: one row per arrived event and source table; key: event_id, but for a message that two tables hold
    rebuild: nothing is stored; a further event source is one more CTE and one more `union all` block here
#}
with tracks as (

    select * from {{ ref('stg_segment__tracks') }}

),

pages as (

    select * from {{ ref('stg_segment__pages') }}

),

identifies as (

    select * from {{ ref('stg_segment__identifies') }}

),

unioned as (

    select
        event_id,
        anonymous_id,
        user_id,
        'segment' as source,
        'track' as event_type,
        event_name,
        product_id,
        product_category,
        cart_id,
        checkout_id,
        order_id,
        {{ url_path('page_url') }} as page_path,
        cast(null as {{ dbt.type_string() }}) as referrer_domain,
        utm_source,
        utm_medium,
        utm_campaign,
        gclid,
        fbclid,
        currency_code,
        value_amount,
        quantity,
        is_bot,
        occurred_at,
        loaded_at
    from tracks

    union all

    select
        event_id,
        anonymous_id,
        user_id,
        'segment' as source,
        'page' as event_type,
        'page_viewed' as event_name,
        cast(null as {{ dbt.type_string() }}) as product_id,
        cast(null as {{ dbt.type_string() }}) as product_category,
        cast(null as {{ dbt.type_string() }}) as cart_id,
        cast(null as {{ dbt.type_string() }}) as checkout_id,
        cast(null as {{ dbt.type_string() }}) as order_id,
        coalesce(page_path, {{ url_path('page_url') }}) as page_path,
        -- A shop that refers to itself is no referrer.
        nullif({{ url_host('referrer_url') }}, coalesce({{ url_host('page_url') }}, ''))
            as referrer_domain,
        utm_source,
        utm_medium,
        utm_campaign,
        gclid,
        fbclid,
        cast(null as {{ dbt.type_string() }}) as currency_code,
        cast(null as decimal(18, 2)) as value_amount,
        cast(null as bigint) as quantity,
        is_bot,
        occurred_at,
        loaded_at
    from pages

    union all

    select
        event_id,
        anonymous_id,
        user_id,
        'segment' as source,
        'identify' as event_type,
        'identified' as event_name,
        cast(null as {{ dbt.type_string() }}) as product_id,
        cast(null as {{ dbt.type_string() }}) as product_category,
        cast(null as {{ dbt.type_string() }}) as cart_id,
        cast(null as {{ dbt.type_string() }}) as checkout_id,
        cast(null as {{ dbt.type_string() }}) as order_id,
        cast(null as {{ dbt.type_string() }}) as page_path,
        cast(null as {{ dbt.type_string() }}) as referrer_domain,
        cast(null as {{ dbt.type_string() }}) as utm_source,
        cast(null as {{ dbt.type_string() }}) as utm_medium,
        cast(null as {{ dbt.type_string() }}) as utm_campaign,
        cast(null as {{ dbt.type_string() }}) as gclid,
        cast(null as {{ dbt.type_string() }}) as fbclid,
        cast(null as {{ dbt.type_string() }}) as currency_code,
        cast(null as decimal(18, 2)) as value_amount,
        cast(null as bigint) as quantity,
        false as is_bot,
        occurred_at,
        loaded_at
    from identifies

),

final as (

    select
        cast(event_id as {{ dbt.type_string() }}) as event_id,
        case when user_id is not null then 'user_id' else 'anonymous_id' end as identifier_type,
        cast(coalesce(user_id, anonymous_id) as {{ dbt.type_string() }}) as identifier_value,
        source,
        event_type,
        event_name,
        cast(product_id as {{ dbt.type_string() }}) as product_id,
        product_category,
        cast(cart_id as {{ dbt.type_string() }}) as cart_id,
        cast(checkout_id as {{ dbt.type_string() }}) as checkout_id,
        cast(order_id as {{ dbt.type_string() }}) as order_id,
        page_path,
        referrer_domain,
        utm_source,
        utm_medium,
        utm_campaign,
        gclid,
        fbclid,
        currency_code,
        cast(value_amount as decimal(18, 2)) as value_amount,
        cast(quantity as bigint) as quantity,
        coalesce(is_bot, false) as is_bot,
        occurred_at,
        loaded_at
    from unioned

)

select * from final
