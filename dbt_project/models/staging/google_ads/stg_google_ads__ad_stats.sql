with source as (

    select * from {{ source('google_ads', 'ad_stats') }}

),

final as (

    select
        source.ad_id,
        coalesce(
            {{ clean_text('source.ad_group_id') }}, {{ extract_pattern('source.ad_group', "'adGroups/([0-9]+)'", 1) }}
        ) as ad_group_id,
        {{ clean_text('source.campaign_id') }} as campaign_id,
        {{ clean_text('source.customer_id') }} as account_id,
        source.keyword_ad_group_criterion as criterion_name,
        lower({{ clean_text('source.device') }}) as device,
        lower({{ clean_text('source.ad_network_type') }}) as network,
        source.impressions as impression_count,
        source.clicks as click_count,
        source.conversions as conversion_count,
        {{ money('source.conversions_value') }} as conversion_value_amount,
        {{ money('source.cost_micros * 0.000001') }} as spend_amount,
        source.{{ adapter.quote('date') }} as spend_date,
        {{ record_state() }}
    from source

)

select * from final
