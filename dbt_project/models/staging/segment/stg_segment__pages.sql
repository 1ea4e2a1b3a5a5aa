{% set told = 'coalesce(source.' ~ adapter.quote('timestamp') ~ ', source.original_timestamp)' %}
with source as (

    select * from {{ source('segment', 'pages') }}

),

final as (

    select
        source.id as event_id,
        {{ clean_text('source.anonymous_id') }} as anonymous_id,
        {{ clean_text('source.user_id') }} as user_id,
        coalesce(
            {{ clean_text('source.url') }},
            {{ clean_text('source.context_page_url') }}
        ) as page_url,
        coalesce(
            {{ clean_text('source.path') }},
            {{ url_path('coalesce(source.url, source.context_page_url)') }}
        ) as page_path,
        coalesce({{ clean_text('source.title') }}, {{ clean_text('source.name') }}) as page_title,
        {{ clean_text('source.referrer') }} as referrer_url,
        lower(coalesce(
            {{ clean_text('source.context_campaign_source') }},
            {{ url_parameter('coalesce(source.url, source.context_page_url)', 'utm_source') }},
            {{ url_parameter('source.search', 'utm_source') }}
        )) as utm_source,
        lower(coalesce(
            {{ clean_text('source.context_campaign_medium') }},
            {{ url_parameter('coalesce(source.url, source.context_page_url)', 'utm_medium') }},
            {{ url_parameter('source.search', 'utm_medium') }}
        )) as utm_medium,
        coalesce(
            {{ clean_text('source.context_campaign_name') }},
            {{ url_parameter('coalesce(source.url, source.context_page_url)', 'utm_campaign') }},
            {{ url_parameter('source.search', 'utm_campaign') }}
        ) as utm_campaign,
        coalesce(
            {{ clean_text('source.context_campaign_term') }},
            {{ url_parameter('coalesce(source.url, source.context_page_url)', 'utm_term') }},
            {{ url_parameter('source.search', 'utm_term') }}
        ) as utm_term,
        coalesce(
            {{ clean_text('source.context_campaign_content') }},
            {{ url_parameter('coalesce(source.url, source.context_page_url)', 'utm_content') }},
            {{ url_parameter('source.search', 'utm_content') }}
        ) as utm_content,
        {{ click_id_columns(['coalesce(source.url, source.context_page_url)', 'source.search']) }},
        {{ clean_text('source.context_ip') }} as ip,
        {{ clean_text('source.context_user_agent') }} as user_agent,
        cast(source._extra as {{ dbt.type_string() }}) as properties,
        source.received_at,
        {{ happened_at(told, 'source.received_at') }} as occurred_at,
        source._loaded_at as loaded_at
    from source

)

select * from final
