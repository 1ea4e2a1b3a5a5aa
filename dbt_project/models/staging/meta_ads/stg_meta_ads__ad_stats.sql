with source as (

    select * from {{ source('meta_ads', 'basic_ad') }}

),

final as (

    select
        source.ad_id,
        {{ clean_text('source.account_id') }} as account_id,
        source.impressions as impression_count,
        source.inline_link_clicks as click_count,
        source.reach as reach_count,
        {{ money('source.spend') }} as spend_amount,
        source.{{ adapter.quote('date') }} as spend_date,
        {{ record_state() }}
    from source

)

select * from final
