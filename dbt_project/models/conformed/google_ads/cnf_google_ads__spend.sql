{{ config(materialized='view') }}
{#
    grain: one row per campaign, device, network and day; key: spend_key
    rebuild: a view over staging
#}
with stats as (

    select * from {{ ref('stg_google_ads__campaign_stats') }}
    where is_current and not is_deleted

),

campaigns as (

    select * from {{ ref('stg_google_ads__campaigns') }}
    where is_current and not is_deleted

),

accounts as (

    select * from {{ ref('stg_google_ads__accounts') }}
    where is_current and not is_deleted

),

final as (

    select
        stats.campaign_stat_id
        || ':' || stats.campaign_id
        || ':' || cast(stats.spend_date as {{ dbt.type_string() }}) as spend_key,
        cast(stats.campaign_id as {{ dbt.type_string() }}) as campaign_id,
        cast(null as {{ dbt.type_string() }}) as ad_id,
        'paid_search' as channel,
        campaigns.campaign_name,
        cast(null as {{ dbt.type_string() }}) as ad_name,
        coalesce(stats.currency_code, accounts.currency_code) as currency_code,
        stats.spend_amount,
        stats.impression_count,
        stats.click_count,
        stats.conversion_count,
        stats.conversion_value_amount,
        stats.spend_date,
        stats.loaded_at
    from stats
    left join campaigns on stats.campaign_id = campaigns.campaign_id
    left join accounts on stats.account_id = accounts.account_id

)

select * from final
