{#
    grain: one row per campaign of an ad platform, of tagged links and of messages; key: campaign_key
    why here: the three name campaigns each in their own way; campaign_label is what they have in
        common
#}
with ads as (

    select
        'ad' as campaign_type,
        platform as source,
        campaign_id,
        max(campaign_name) as campaign_name,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at
    from {{ ref('fct_ad_spend') }}
    where campaign_id is not null
    group by 1, 2, 3

),

links as (

    select
        'link' as campaign_type,
        source,
        utm_campaign as campaign_id,
        utm_campaign as campaign_name,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at
    from {{ ref('fct_sessions') }}
    where utm_campaign is not null
    group by 1, 2, 3, 4

),

messages as (

    select
        'message' as campaign_type,
        source,
        campaign_name as campaign_id,
        campaign_name,
        min(occurred_at) as first_seen_at,
        max(occurred_at) as last_seen_at
    from {{ ref('fct_messages') }}
    where campaign_name is not null
    group by 1, 2, 3, 4

),

unioned as (

    select * from ads

    union all

    select * from links

    union all

    select * from messages

),

final as (

    select
        campaign_type || ':' || source || ':' || campaign_id as campaign_key,
        campaign_type,
        source,
        campaign_id,
        campaign_name,
        lower(trim(coalesce(campaign_name, campaign_id))) as campaign_label,
        first_seen_at,
        last_seen_at
    from unioned

)

select * from final
