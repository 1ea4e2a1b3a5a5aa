{% set tags = 'opened.collected_traffic_source' %}
{% set own_value = (
    'coalesce(' ~ try_cast_to('opened.param_value', 'decimal(18, 2)') ~ ', '
    ~ try_cast_to(json_value('opened.ecommerce', '$.purchase_revenue'), 'decimal(18, 2)') ~ ')'
) %}
with source as (

    select * from {{ source('ga4', 'events') }}

),

-- The export has no event id. Batch numbers distinguish events within a bundle; in older exports,
-- which have none, the parameters do.
identified as (

    select
        source.*,
        {{ keyed_entries('source.event_params') }} as params,
        {{ md5_hex(
            "concat_ws('|', 'ga4', coalesce(source.stream_id, ''), coalesce(source.user_pseudo_id, ''), "
            ~ "source.event_timestamp, source.event_name, coalesce(source.event_bundle_sequence_id, -1), "
            ~ "coalesce(source.batch_page_id, -1), coalesce(source.batch_ordering_id, -1), "
            ~ "coalesce(cast(source.batch_event_index as " ~ dbt.type_string() ~ "), "
            ~ "cast(source.event_params as " ~ dbt.type_string() ~ "), ''))"
        ) }} as event_id,
        case when lower(source._file) like '%intraday%' then 1 else 0 end as intraday_flag
    from source

),

opened as (

    select
        identified.*,
        row_number() over (
            partition by identified.event_id
            order by
                identified.intraday_flag asc,
                identified._loaded_at desc,
                identified._file desc,
                identified._row desc
        ) as version_rank,
        {% for key in [
            'page_location', 'page_title', 'page_referrer', 'ga_session_id', 'ga_session_number', 'session_engaged',
            'engagement_time_msec', 'source', 'medium', 'campaign', 'term', 'content', 'gclid', 'currency', 'value',
            'transaction_id'
        ] -%}
            {{ clean_text(keyed_value('identified.params', key)) }} as param_{{ key }},
        {% endfor -%}
        {{ json_value('identified.items', '$[1]') }} is null as has_one_item
    from identified

),

final as (

    select
        opened.event_id,
        {{ clean_text('opened.user_id') }} as user_id,
        {{ clean_text('opened.user_pseudo_id') }} as user_pseudo_id,
        {{ clean_text('opened.user_pseudo_id') }} || '.' || opened.param_ga_session_id as session_key,
        {{ try_cast_to('opened.param_ga_session_number', 'bigint') }} as session_number,
        -- A number in some events, text in others.
        coalesce(opened.param_session_engaged in ('1', 'true'), false) as is_session_engaged,
        {{ try_cast_to('opened.param_engagement_time_msec', 'bigint') }} as engagement_milliseconds,
        case opened.event_name when 'page_view' then 'page' when 'screen_view' then 'screen' else 'track' end
            as event_type,
        opened.event_name,
        {{ clean_text('opened.stream_id') }} as stream_id,
        {{ clean_text('opened.platform') }} as platform,
        opened.param_page_location as page_url,
        {{ url_path('opened.param_page_location') }} as page_path,
        opened.param_page_title as page_title,
        opened.param_page_referrer as referrer_url,
        lower(coalesce(
            {{ clean_text(json_value(tags, '$.manual_source')) }},
            opened.param_source,
            {{ url_parameter('opened.param_page_location', 'utm_source') }}
        )) as utm_source,
        lower(coalesce(
            {{ clean_text(json_value(tags, '$.manual_medium')) }},
            opened.param_medium,
            {{ url_parameter('opened.param_page_location', 'utm_medium') }}
        )) as utm_medium,
        coalesce(
            {{ clean_text(json_value(tags, '$.manual_campaign_name')) }},
            opened.param_campaign,
            {{ url_parameter('opened.param_page_location', 'utm_campaign') }}
        ) as utm_campaign,
        coalesce(
            {{ clean_text(json_value(tags, '$.manual_term')) }},
            opened.param_term,
            {{ url_parameter('opened.param_page_location', 'utm_term') }}
        ) as utm_term,
        coalesce(
            {{ clean_text(json_value(tags, '$.manual_content')) }},
            opened.param_content,
            {{ url_parameter('opened.param_page_location', 'utm_content') }}
        ) as utm_content,
        {{ click_id_columns(
            ['opened.param_page_location'],
            'coalesce(' ~ clean_text(json_value(tags, '$.gclid')) ~ ', opened.param_gclid)',
        ) }},
        -- The product, if the event is about exactly one.
        {% for column, field in [
            ('product_id', 'item_id'), ('product_name', 'item_name'), ('product_category', 'item_category')
        ] -%}
            case
                when opened.has_one_item
                    then nullif({{ clean_text(json_value('opened.items', '$[0].' ~ field)) }}, '(not set)')
            end as {{ column }},
        {% endfor -%}
        nullif(
            coalesce({{ json_value('opened.ecommerce', '$.transaction_id') }}, opened.param_transaction_id),
            '(not set)'
        ) as order_id,
        -- Google converts every value to dollars; used where the site's own value is missing.
        case
            when {{ own_value }} is not null then {{ normalize_currency('opened.param_currency') }}
            when opened.event_value_in_usd is not null then 'USD'
        end as currency_code,
        case
            when opened.has_one_item
                then {{ try_cast_to(json_value('opened.items', '$[0].quantity'), 'bigint') }}
        end as quantity,
        coalesce(
            {{ own_value }}, {{ try_cast_to('opened.event_value_in_usd', 'decimal(18, 2)') }}
        ) as value_amount,
        lower({{ json_value('opened.privacy_info', '$.analytics_storage') }}) = 'yes' as has_analytics_consent,
        lower({{ json_value('opened.privacy_info', '$.ads_storage') }}) = 'yes' as has_ads_consent,
        cast(opened.items as {{ dbt.type_string() }}) as items,
        cast(opened.user_properties as {{ dbt.type_string() }}) as user_properties,
        cast(opened.event_params as {{ dbt.type_string() }}) as properties,
        {{ happened_at(
            timestamp_of_microseconds('opened.event_timestamp'), 'opened._loaded_at', 'opened._loaded_at'
        ) }} as occurred_at,
        false as is_deleted,
        opened.version_rank = 1 as is_current,
        opened._loaded_at as changed_at,
        opened._loaded_at as loaded_at
    from opened

)

select * from final
