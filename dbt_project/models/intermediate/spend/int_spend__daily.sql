{#
    grain: one row per day and smallest unit that a platform reports; key: ad_spend_id
    why here: every ad platform's spend in one shape and in the reporting currency
#}
{% set reporting_currency = var('reporting_currency', 'EUR') | upper %}
{% set default_currency = var('default_currency', 'EUR') | upper %}
with spend as (

    {{ union_concept('spend') }}

),

rates as (

    select * from {{ ref('int_commerce__reporting_rates') }}

),

shaped as (

    select
        spend.source || ':' || spend.spend_key as ad_spend_id,
        spend.campaign_id,
        spend.ad_id,
        spend.source as platform,
        spend.channel,
        spend.campaign_name,
        spend.ad_name,
        coalesce(spend.currency_code, '{{ default_currency }}') as currency_code,
        {{ money('spend.spend_amount') }} as spend_amount,
        {{ money('spend.spend_amount * rates.rate_to_reporting') }} as spend_amount_reporting,
        '{{ reporting_currency }}' as reporting_currency,
        {{ plausible_count('spend.impression_count') }} as impression_count,
        {{ plausible_count('spend.click_count') }} as click_count,
        cast(spend.conversion_count as double) as conversion_count,
        {{ money('spend.conversion_value_amount') }} as conversion_value_amount,
        {{ money('spend.conversion_value_amount * rates.rate_to_reporting') }} as conversion_value_amount_reporting,
        cast(spend.spend_date as timestamp) as occurred_at,
        spend.loaded_at
    from spend
    left join
        rates
        on coalesce(spend.currency_code, '{{ default_currency }}') = rates.currency_code

),

final as (

    select
        *,
        {{ missing_columns('fct_ad_spend', {
            'ad_spend_id': 'ad_spend_id', 'spend_amount': 'spend_amount', 'occurred_at': 'occurred_at'
        }) }} as missing_columns
    from shaped

)

select * from final
