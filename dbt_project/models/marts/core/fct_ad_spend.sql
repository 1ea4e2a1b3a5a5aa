{#
    grain: one row per day and smallest unit that a platform reports; key: ad_spend_id
#}
with spend as (

    select * from {{ ref('int_spend__daily') }}
    where missing_columns is null

),

final as (

    select
        ad_spend_id,
        campaign_id,
        ad_id,
        platform,
        channel,
        campaign_name,
        ad_name,
        currency_code,
        spend_amount,
        spend_amount_reporting,
        reporting_currency,
        impression_count,
        click_count,
        conversion_count,
        conversion_value_amount,
        conversion_value_amount_reporting,
        occurred_at
    from spend

)

select * from final
