-- Phones show the video, desktops the image.
select
    cast(6217000000000 + campaign_no * 2 + if(device = 'MOBILE', 1, 0) as varchar) as ad_id,
    '1904400120071' as account_id,
    impressions,
    clicks as inline_link_clicks,
    cast(ceil(impressions * 0.7) as bigint) as reach,
    cast(
        round(
            clicks
            * cost_per_click
            * (0.85 + 0.3 * draw('click cost', campaign_no * 100000 + epoch(day) // 86400)),
            2
        ) as decimal(18, 2)
    ) as spend,
    cast(day as date) as date,
    day + interval 29 hour as _fivetran_synced,
    day + interval 29 hour as _arrived_at,
    concat(campaign_no, device) as _order,
from ad_days
where platform = 'meta'
