{#
    grain: one row per day and smallest unit that a platform reports; key: ad_spend_id
    why here: platforms report in their own grain; one shape for all. FURTHER AD PLATFORMS ENTER HERE: one more `union all` block
#}
{% set reporting_currency = var('reporting_currency', 'EUR') | upper %}
{% set default_currency = var('default_currency', 'EUR') | upper %}
{% set meta_conversion = var('meta_conversion_action', 'purchase') | lower %}
with google_stats as (

    select * from {{ ref('stg_google_ads__campaign_stats') }}
    where is_current and not is_deleted

),

google_campaigns as (

    select * from {{ ref('stg_google_ads__campaigns') }}
    where is_current and not is_deleted

),

google_accounts as (

    select * from {{ ref('stg_google_ads__accounts') }}
    where is_current and not is_deleted

),

meta_stats as (

    select * from {{ ref('stg_meta_ads__ad_stats') }}
    where is_current and not is_deleted

),

meta_conversions as (

    select * from {{ ref('stg_meta_ads__ad_actions') }}
    where is_current and not is_deleted and action_type = '{{ meta_conversion }}'

),

meta_conversion_values as (

    select * from {{ ref('stg_meta_ads__ad_action_values') }}
    where is_current and not is_deleted and action_type = '{{ meta_conversion }}'

),

meta_ads as (

    select * from {{ ref('stg_meta_ads__ads') }}
    where is_current and not is_deleted

),

meta_campaigns as (

    select * from {{ ref('stg_meta_ads__campaigns') }}
    where is_current and not is_deleted

),

meta_accounts as (

    select * from {{ ref('stg_meta_ads__accounts') }}
    where is_current and not is_deleted

),

rates as (

    select * from {{ ref('int_commerce__reporting_rates') }}

),

unioned as (

    select
        'google_ads:'
        || google_stats.campaign_stat_id
        || ':' || google_stats.campaign_id
        || ':' || cast(google_stats.spend_date as {{ dbt.type_string() }}) as ad_spend_id,
        google_stats.campaign_id,
        cast(null as {{ dbt.type_string() }}) as ad_id,
        'google_ads' as platform,
        google_campaigns.campaign_name,
        cast(null as {{ dbt.type_string() }}) as ad_name,
        coalesce(google_stats.currency_code, google_accounts.currency_code) as currency_code,
        google_stats.spend_amount,
        google_stats.impression_count,
        google_stats.click_count,
        google_stats.conversion_count,
        google_stats.conversion_value_amount,
        google_stats.spend_date,
        google_stats.loaded_at
    from google_stats
    left join google_campaigns on google_stats.campaign_id = google_campaigns.campaign_id
    left join google_accounts on google_stats.account_id = google_accounts.account_id

    union all

    select
        'meta_ads:'
        || meta_stats.ad_id
        || ':' || cast(meta_stats.spend_date as {{ dbt.type_string() }}) as ad_spend_id,
        coalesce(meta_ads.campaign_id, meta_stats.campaign_id) as campaign_id,
        meta_stats.ad_id,
        'meta_ads' as platform,
        -- Listings do not tell of what was deleted: its figures do.
        coalesce(meta_campaigns.campaign_name, meta_stats.campaign_name) as campaign_name,
        coalesce(meta_ads.ad_name, meta_stats.ad_name) as ad_name,
        coalesce(meta_stats.currency_code, meta_accounts.currency_code) as currency_code,
        meta_stats.spend_amount,
        meta_stats.impression_count,
        meta_stats.click_count,
        meta_conversions.action_count as conversion_count,
        meta_conversion_values.action_amount as conversion_value_amount,
        meta_stats.spend_date,
        meta_stats.loaded_at
    from meta_stats
    left join meta_ads on meta_stats.ad_id = meta_ads.ad_id
    left join
        meta_conversions
        on meta_stats.ad_id = meta_conversions.ad_id and meta_stats.spend_date = meta_conversions.action_date
    left join
        meta_conversion_values
        on
            meta_stats.ad_id = meta_conversion_values.ad_id
            and meta_stats.spend_date = meta_conversion_values.action_date
    left join
        meta_campaigns
        on coalesce(meta_ads.campaign_id, meta_stats.campaign_id) = meta_campaigns.campaign_id
    left join meta_accounts
        on coalesce(meta_stats.account_id, meta_ads.account_id) = meta_accounts.account_id

),

shaped as (

    select
        unioned.ad_spend_id,
        unioned.campaign_id,
        unioned.ad_id,
        unioned.platform,
        unioned.campaign_name,
        unioned.ad_name,
        coalesce(unioned.currency_code, '{{ default_currency }}') as currency_code,
        {{ money('unioned.spend_amount') }} as spend_amount,
        {{ money('unioned.spend_amount * rates.rate_to_reporting') }} as spend_amount_reporting,
        '{{ reporting_currency }}' as reporting_currency,
        {{ plausible_count('unioned.impression_count') }} as impression_count,
        {{ plausible_count('unioned.click_count') }} as click_count,
        cast(unioned.conversion_count as double) as conversion_count,
        {{ money('unioned.conversion_value_amount') }} as conversion_value_amount,
        cast(unioned.spend_date as timestamp) as occurred_at,
        unioned.loaded_at
    from unioned
    left join
        rates
        on coalesce(unioned.currency_code, '{{ default_currency }}') = rates.currency_code

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
