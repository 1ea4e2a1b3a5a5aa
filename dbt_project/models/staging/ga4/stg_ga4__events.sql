with

export as (

    select * from {{ ref('base_ga4__events_export') }}

),

fivetran as (

    select * from {{ ref('base_ga4__events_fivetran') }}

),

final as (

    {{ union_loaders(
        ['export', 'fivetran'], ['event_id'], [
            'event_id', 'user_id', 'user_pseudo_id', 'session_key', 'session_number',
            'is_session_engaged', 'engagement_milliseconds', 'event_type', 'event_name',
            'stream_id', 'platform', 'page_url', 'page_path', 'page_title', 'referrer_url',
            'utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'click_id_type',
            'click_id', 'product_id', 'product_name', 'product_category', 'order_id',
            'currency_code', 'quantity', 'value_amount', 'has_analytics_consent',
            'has_ads_consent', 'items', 'user_properties', 'properties', 'occurred_at'
        ],
    ) }}

)

select * from final
