{% set vendor = 'com.snowplowanalytics.snowplow' %}
{% set context = 'contexts_com_snowplowanalytics_snowplow_' %}
{% set robots = 'source.contexts_com_iab_snowplow_spiders_and_robots_1' %}
{% set action = 'source.unstruct_event_com_snowplowanalytics_snowplow_ecommerce_snowplow_ecommerce_action_1' %}
with source as (

    select * from {{ source('snowplow', 'events') }}

),

repeated_events as (

    select * from {{ ref('stg_snowplow__repeated_events') }}

),

-- Contexts have a column each (table exports) or share one column (enriched TSV).
opened as (

    select
        source.*,
        -- Collectors deliver at least once: the first copy of an event counts.
        case
            when repeated_events.event_id is null then source.collector_tstamp is not null
            else source.collector_tstamp = repeated_events.first_collected_at
        end as is_first,
        coalesce(
            {{ json_value('source.' ~ context ~ 'web_page_1', '$[0].id') }},
            {{ json_value('source.' ~ context ~ 'web_page_1_0_0', '$[0].id') }},
            {{ json_value(entity_data('source.contexts', vendor ~ '/web_page'), '$.id') }}
        ) as page_view_id,
        coalesce(
            {{ json_value(robots, '$[0].spiderOrRobot') }},
            {{ json_value(robots, '$[0].spider_or_robot') }},
            {{ json_value(
                entity_data('source.derived_contexts', 'com.iab.snowplow/spiders_and_robots'), '$.spiderOrRobot'
            ) }}
        ) as robot_flag,
        coalesce(
            {{ json_value(action, '$.type') }},
            {{ json_value('source.unstruct_event', '$.data.data.type') }}
        ) as ecommerce_action,
        {% for field in ['id', 'name', 'category', 'price', 'quantity', 'currency'] -%}
            coalesce(
                {{ json_value('source.' ~ context ~ 'ecommerce_product_1', '$[0].' ~ field) }},
                {{ json_value(entity_data('source.contexts', vendor ~ '.ecommerce/product'), '$.' ~ field) }}
            ) as product_{{ field }},
        {% endfor -%}
        coalesce(
            {{ json_value('source.' ~ context ~ 'ecommerce_product_1', '$[1].id') }},
            {{ json_value(entity_data('source.contexts', vendor ~ '.ecommerce/product', 2), '$.id') }}
        ) is null as has_one_product,
        {% for field in ['transaction_id', 'revenue', 'currency'] -%}
            coalesce(
                {{ json_value('source.' ~ context ~ 'ecommerce_transaction_1', '$[0].' ~ field) }},
                {{ json_value(entity_data('source.contexts', vendor ~ '.ecommerce/transaction'), '$.' ~ field) }}
            ) as transaction_{{ field | replace('transaction_', '') }},
        {% endfor -%}
        coalesce(
            {{ json_value('source.' ~ context ~ 'ecommerce_cart_1', '$[0].cart_id') }},
            {{ json_value(entity_data('source.contexts', vendor ~ '.ecommerce/cart'), '$.cart_id') }}
        ) as cart_id
    from source
    left join repeated_events on source.event_id = repeated_events.event_id

),

final as (

    select
        opened.event_id,
        {{ clean_text('opened.app_id') }} as app_id,
        {{ clean_text('opened.platform') }} as platform,
        {{ clean_text('opened.user_id') }} as user_id,
        {{ clean_text('opened.domain_userid') }} as domain_userid,
        {{ clean_text('opened.network_userid') }} as network_userid,
        {{ clean_text('opened.domain_sessionid') }} as domain_session_id,
        opened.domain_sessionidx as domain_session_index,
        opened.page_view_id,
        case
            when opened.event = 'page_view' then 'page'
            when opened.event_name = 'screen_view' then 'screen'
            else 'track'
        end as event_type,
        coalesce(
            case when opened.event_name = 'snowplow_ecommerce_action' then opened.ecommerce_action end,
            -- A structured event has no name; its action is used instead.
            case when opened.event in ('struct', 'se') then {{ clean_text('opened.se_action') }} end,
            {{ clean_text('opened.event_name') }},
            {{ clean_text('opened.event') }}
        ) as event_name,
        {{ clean_text('opened.se_category') }} as struct_category,
        {{ clean_text('opened.se_action') }} as struct_action,
        {{ clean_text('opened.se_label') }} as struct_label,
        {{ clean_text('opened.se_property') }} as struct_property,
        opened.se_value as struct_value,
        {{ clean_text('opened.page_url') }} as page_url,
        coalesce(
            {{ clean_text('opened.page_urlpath') }}, {{ url_path('opened.page_url') }}
        ) as page_path,
        {{ clean_text('opened.page_title') }} as page_title,
        {{ clean_text('opened.page_referrer') }} as referrer_url,
        lower(coalesce(
            {{ clean_text('opened.mkt_source') }},
            {{ url_parameter('opened.page_url', 'utm_source') }}
        )) as utm_source,
        lower(coalesce(
            {{ clean_text('opened.mkt_medium') }},
            {{ url_parameter('opened.page_url', 'utm_medium') }}
        )) as utm_medium,
        coalesce(
            {{ clean_text('opened.mkt_campaign') }},
            {{ url_parameter('opened.page_url', 'utm_campaign') }}
        ) as utm_campaign,
        coalesce(
            {{ clean_text('opened.mkt_term') }},
            {{ url_parameter('opened.page_url', 'utm_term') }}
        ) as utm_term,
        coalesce(
            {{ clean_text('opened.mkt_content') }},
            {{ url_parameter('opened.page_url', 'utm_content') }}
        ) as utm_content,
        {{ click_id_columns(['opened.page_url']) }},
        -- The product, if the event is about exactly one.
        {% for field, legacy in [('id', 'ti_sku'), ('name', 'ti_name'), ('category', 'ti_category')] -%}
            coalesce(
                case when opened.has_one_product then opened.product_{{ field }} end,
                {{ clean_text('opened.' ~ legacy) }}
            ) as product_{{ field }},
        {% endfor -%}
        coalesce(
            opened.transaction_id, {{ clean_text('opened.tr_orderid') }}, {{ clean_text('opened.ti_orderid') }}
        ) as order_id,
        opened.cart_id,
        {{ normalize_currency(
            'coalesce(opened.transaction_currency, opened.product_currency, opened.tr_currency, opened.ti_currency)'
        ) }} as currency_code,
        coalesce(
            case when opened.has_one_product then {{ try_cast_to('opened.product_quantity', 'bigint') }} end,
            opened.ti_quantity
        ) as quantity,
        -- Revenue of an order, or the price of the products of another event.
        {{ try_cast_to(
            'coalesce('
            ~ try_cast_to('opened.transaction_revenue', 'double') ~ ', opened.tr_total, '
            ~ 'case when opened.has_one_product then '
            ~ try_cast_to('opened.product_price', 'double') ~ ' * coalesce('
            ~ try_cast_to('opened.product_quantity', 'bigint') ~ ', 1) end, '
            ~ 'opened.ti_price * coalesce(opened.ti_quantity, 1))',
            'decimal(18, 2)'
        ) }} as value_amount,
        {{ clean_text('opened.user_ipaddress') }} as ip,
        {{ clean_text('opened.useragent') }} as user_agent,
        coalesce(opened.robot_flag = 'true', false) as is_bot,
        opened.event_fingerprint,
        cast(opened.contexts as {{ dbt.type_string() }}) as contexts,
        coalesce(
            cast(opened.unstruct_event as {{ dbt.type_string() }}),
            cast(opened._extra as {{ dbt.type_string() }})
        ) as properties,
        opened.collector_tstamp as received_at,
        {{ happened_at(
            'coalesce(opened.derived_tstamp, opened.dvce_created_tstamp)', 'opened.collector_tstamp',
            'opened._loaded_at'
        ) }} as occurred_at,
        opened.is_first as is_current,
        opened._loaded_at as loaded_at
    from opened

)

select * from final
