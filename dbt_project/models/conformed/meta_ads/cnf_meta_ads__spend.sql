{{ config(materialized='view') }}
{#
    grain: one row per ad and day; key: spend_key
    rebuild: a view over staging
#}
{% set conversion = var('meta_conversion_action', 'purchase') | lower %}
with stats as (

    select * from {{ ref('stg_meta_ads__ad_stats') }}
    where is_current and not is_deleted

),

conversions as (

    select * from {{ ref('stg_meta_ads__ad_actions') }}
    where is_current and not is_deleted and action_type = '{{ conversion }}'

),

conversion_values as (

    select * from {{ ref('stg_meta_ads__ad_action_values') }}
    where is_current and not is_deleted and action_type = '{{ conversion }}'

),

ads as (

    select * from {{ ref('stg_meta_ads__ads') }}
    where is_current and not is_deleted

),

campaigns as (

    select * from {{ ref('stg_meta_ads__campaigns') }}
    where is_current and not is_deleted

),

accounts as (

    select * from {{ ref('stg_meta_ads__accounts') }}
    where is_current and not is_deleted

),

final as (

    select
        stats.ad_id || ':' || cast(stats.spend_date as {{ dbt.type_string() }}) as spend_key,
        coalesce(ads.campaign_id, stats.campaign_id) as campaign_id,
        stats.ad_id,
        'paid_social' as channel,
        -- The listings omit deleted campaigns and ads; the statistics still name them.
        coalesce(campaigns.campaign_name, stats.campaign_name) as campaign_name,
        coalesce(ads.ad_name, stats.ad_name) as ad_name,
        coalesce(stats.currency_code, accounts.currency_code) as currency_code,
        stats.spend_amount,
        stats.impression_count,
        stats.click_count,
        conversions.action_count as conversion_count,
        conversion_values.action_amount as conversion_value_amount,
        stats.spend_date,
        stats.loaded_at
    from stats
    left join ads on stats.ad_id = ads.ad_id
    left join
        conversions
        on stats.ad_id = conversions.ad_id and stats.spend_date = conversions.action_date
    left join
        conversion_values
        on stats.ad_id = conversion_values.ad_id and stats.spend_date = conversion_values.action_date
    left join campaigns on coalesce(ads.campaign_id, stats.campaign_id) = campaigns.campaign_id
    left join accounts on coalesce(stats.account_id, ads.account_id) = accounts.account_id

)

select * from final
