with source as (

    select * from {{ source('ga4_fivetran', 'event') }}

),

-- The same id as in base_ga4__events_export: the export has microseconds, Fivetran a timestamp.
identified as (

    select
        source.*,
        {{ md5_hex(
            "concat_ws('|', 'ga4', coalesce(source.stream_id, ''), coalesce(source.user_pseudo_id, ''), "
            ~ microseconds_of_timestamp('source.' ~ adapter.quote('timestamp'))
            ~ ", source.name, coalesce(source.bundle_sequence_id, -1), "
            ~ "coalesce(source.batch_page_id, -1), coalesce(source.batch_ordering_id, -1), "
            ~ "coalesce(cast(source.batch_event_index as " ~ dbt.type_string() ~ "), source._fivetran_id))"
        ) }} as event_id
    from source

),

-- A restated day has new loader ids for its events; the daily table counts before the intraday one.
ranked as (

    select
        identified.*,
        row_number() over (
            partition by identified.event_id
            order by
                case when identified._superseded_at is null then 0 else 1 end asc,
                case when coalesce(identified.is_intraday, false) then 1 else 0 end asc,
                identified._loaded_at desc,
                identified._fivetran_id desc
        ) as version_rank
    from identified

),

final as (

    select
        ranked.event_id,
        {{ clean_text('ranked.user_id') }} as user_id,
        {{ clean_text('ranked.user_pseudo_id') }} as user_pseudo_id,
        {{ clean_text('ranked.user_pseudo_id') }} || '.' || {{ clean_text('ranked.param_ga_session_id') }}
            as session_key,
        ranked.param_ga_session_number as session_number,
        coalesce(lower(ranked.param_session_engaged) in ('1', 'true'), false) as is_session_engaged,
        ranked.param_engagement_time_msec as engagement_milliseconds,
        case ranked.name when 'page_view' then 'page' when 'screen_view' then 'screen' else 'track' end
            as event_type,
        ranked.name as event_name,
        {{ clean_text('ranked.stream_id') }} as stream_id,
        {{ clean_text('ranked.platform') }} as platform,
        {{ clean_text('ranked.param_page_location') }} as page_url,
        {{ url_path('ranked.param_page_location') }} as page_path,
        {{ clean_text('ranked.param_page_title') }} as page_title,
        {{ clean_text('ranked.param_page_referrer') }} as referrer_url,
        {% for column, tagged in [
            ('source', 'manual_source'), ('medium', 'manual_medium'), ('campaign', 'manual_campaign_name'),
            ('term', 'manual_term'), ('content', 'manual_content'),
        ] -%}
            {{ 'lower' if column in ('source', 'medium') }}(coalesce(
                {{ clean_text('ranked.collected_traffic_source_' ~ tagged) }},
                {{ clean_text('ranked.param_' ~ column) }},
                {{ url_parameter('ranked.param_page_location', 'utm_' ~ column) }}
            )) as utm_{{ column }},
        {% endfor -%}
        {{ click_id_columns(
            ['ranked.param_page_location'],
            'coalesce(' ~ clean_text('ranked.collected_traffic_source_gclid') ~ ', '
            ~ clean_text('ranked.param_gclid') ~ ')',
        ) }},
        -- Fivetran keeps the products in another table, which is not read.
        {% for column in ['product_id', 'product_name', 'product_category'] -%}
            cast(null as {{ dbt.type_string() }}) as {{ column }},
        {% endfor -%}
        nullif(
            coalesce(
                {{ clean_text('ranked.ecommerce_transaction_id') }}, {{ clean_text('ranked.param_transaction_id') }}
            ),
            '(not set)'
        ) as order_id,
        -- Google converts every value to dollars; used where the site's own value is missing.
        case
            when coalesce(ranked.param_value, ranked.ecommerce_purchase_revenue) is not null
                then {{ normalize_currency('ranked.param_currency') }}
            when coalesce(ranked.value_in_usd, ranked.ecommerce_purchase_revenue_in_usd) is not null then 'USD'
        end as currency_code,
        cast(null as {{ dbt.type_bigint() }}) as quantity,
        {{ try_cast_to(
            'coalesce(ranked.param_value, ranked.ecommerce_purchase_revenue, ranked.value_in_usd, '
            ~ 'ranked.ecommerce_purchase_revenue_in_usd)',
            'decimal(18, 2)'
        ) }} as value_amount,
        lower(ranked.privacy_info_analytics_storage) = 'yes' as has_analytics_consent,
        lower(ranked.privacy_info_ads_storage) = 'yes' as has_ads_consent,
        cast(null as {{ dbt.type_string() }}) as items,
        cast(null as {{ dbt.type_string() }}) as user_properties,
        cast(ranked._extra as {{ dbt.type_string() }}) as properties,
        {{ happened_at('ranked.' ~ adapter.quote('timestamp'), 'ranked._loaded_at', 'ranked._loaded_at') }}
            as occurred_at,
        false as is_deleted,
        ranked.version_rank = 1 as is_current,
        ranked._loaded_at as changed_at,
        ranked._loaded_at as loaded_at
    from ranked

)

select * from final
