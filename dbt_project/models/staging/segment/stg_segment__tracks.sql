{% set told = 'coalesce(source.' ~ adapter.quote('timestamp') ~ ', source.original_timestamp)' %}
with source as (

    select * from {{ source('segment', 'tracks') }}

),

final as (

    select
        source.id as event_id,
        {{ clean_text('source.anonymous_id') }} as anonymous_id,
        {{ clean_text('source.user_id') }} as user_id,
        {{ clean_text('source.product_id') }} as product_id,
        {{ clean_text('source.cart_id') }} as cart_id,
        {{ clean_text('source.checkout_id') }} as checkout_id,
        {{ clean_text('source.order_id') }} as order_id,
        -- The slug; calls without one are identified by their name.
        coalesce(
            {{ clean_text('source.event') }},
            {{ replace_pattern(
                replace_pattern("lower(source.event_text)", "'[^a-z0-9]+'", "'_'"), "'^_|_$'"
            ) }}
        ) as event_name,
        {{ clean_text('source.product_name') }} as product_name,
        {{ clean_text('source.category') }} as product_category,
        {{ normalize_currency('source.currency') }} as currency_code,
        {{ clean_text('source.context_page_url') }} as page_url,
        lower(coalesce(
            {{ clean_text('source.context_campaign_source') }},
            {{ url_parameter('source.context_page_url', 'utm_source') }}
        )) as utm_source,
        lower(coalesce(
            {{ clean_text('source.context_campaign_medium') }},
            {{ url_parameter('source.context_page_url', 'utm_medium') }}
        )) as utm_medium,
        coalesce(
            {{ clean_text('source.context_campaign_name') }},
            {{ url_parameter('source.context_page_url', 'utm_campaign') }}
        ) as utm_campaign,
        coalesce(
            {{ clean_text('source.context_campaign_term') }},
            {{ url_parameter('source.context_page_url', 'utm_term') }}
        ) as utm_term,
        coalesce(
            {{ clean_text('source.context_campaign_content') }},
            {{ url_parameter('source.context_page_url', 'utm_content') }}
        ) as utm_content,
        {{ click_id_columns(['source.context_page_url']) }},
        {{ clean_text('source.context_ip') }} as ip,
        {{ clean_text('source.context_user_agent') }} as user_agent,
        source.quantity,
        -- Revenue of an order, or the price of the products of another event.
        {{ money(
            'coalesce(source.revenue, source.price * coalesce(source.quantity, 1))'
        ) }} as value_amount,
        cast(source._extra as {{ dbt.type_string() }}) as properties,
        source.received_at,
        {{ happened_at(told, 'source.received_at') }} as occurred_at,
        source._loaded_at as loaded_at
    from source

)

select * from final
