with source as (

    select * from {{ source('google_ads', 'campaign_stats') }}

),

final as (

    select
        source._fivetran_id as campaign_stat_id,
        source.id as campaign_id,
        {{ clean_text('source.customer_id') }} as account_id,
        lower({{ clean_text('source.device') }}) as device,
        lower({{ clean_text('source.ad_network_type') }}) as network,
        {{ normalize_currency('source.currency_code') }} as currency_code,
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
