with source as (

    select * from {{ source('meta_ads', 'basic_ad') }}

),

final as (

    select
        source.ad_id,
        {{ clean_text('source.campaign_id') }} as campaign_id,
        {{ clean_text('source.account_id') }} as account_id,
        {{ clean_text('source.campaign_name') }} as campaign_name,
        {{ clean_text('source.ad_name') }} as ad_name,
        {{ normalize_currency('source.account_currency') }} as currency_code,
        source.impressions as impression_count,
        source.inline_link_clicks as click_count,
        source.reach as reach_count,
        {{ money('source.spend') }} as spend_amount,
        source.{{ adapter.quote('date') }} as spend_date,
        {{ record_state() }}
    from source

)

select * from final
