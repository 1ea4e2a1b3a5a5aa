-- A day's figures arrive the next morning, one row per device.
select
    left(token(concat('stat ', device, ' ', campaign_no), epoch(day)), 27) || '=' as _fivetran_id,
    cast(20400000000 + campaign_no as varchar) as id,
    '4417720931' as customer_id,
    concat('customers/4417720931/campaigns/', 20400000000 + campaign_no) as base_campaign,
    if(campaign_type = 'DISPLAY', 'CONTENT', 'SEARCH') as ad_network_type,
    device,
    impressions, clicks,
    clicks as interactions,
    cast(orders as double) as conversions,
    cast(round(orders * 61.5, 2) as double) as conversions_value,
    cast(0 as bigint) as view_through_conversions,
    cast(
        round(
            clicks
            * cost_per_click
            * (0.85 + 0.3 * draw('click cost', campaign_no * 100000 + epoch(day) // 86400)),
            2
        )
        * 1000000 as bigint
    ) as cost_micros,
    'EUR' as currency_code,
    cast(day as date) as date,
    day + interval 29 hour as _fivetran_synced,
    day + interval 29 hour as _arrived_at,
    concat(campaign_no, device) as _order,
from ad_days
where platform = 'google'
