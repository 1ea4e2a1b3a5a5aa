select
    click_id('google', visit_no) as gclid,
    cast(20400000000 + ad_campaign_no as varchar) as campaign_id,
    '4417720931' as customer_id,
    cast(started_at as date) as date,
    date_trunc('day', started_at) + interval 29 hour as _fivetran_synced,
    date_trunc('day', started_at) + interval 29 hour as _arrived_at,
    visit_no as _order,
from visits
where channel = 'paid_search'
