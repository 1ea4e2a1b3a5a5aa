-- Sorted before the text is filled in, so without `_order`.
with seen as (
    select * from calls_of('page', [1, 3, 4, 6, 8, 9])
),

addressed as (
    select
        seen.*,
        case step
            when 1 then '/'
            when 3 then concat('/collections/', category)
            when 4 then concat('/products/', lower(sku))
            when 6 then '/cart'
            when 8 then '/checkout'
            else '/thank-you'
        end as path,
        case step
            when 1 then 'Nordkai'
            when 3 then upper(left(category, 1)) || substr(category, 2)
            when 4 then product_name
            when 6 then 'Your cart'
            when 8 then 'Checkout'
            else 'Thank you'
        end as title,
        if(step = 1, landing_search, '') as search,
    from seen
)

select
    message_id as id,
    anonymous_id, user_id,
    concat('https://shop.nordkai.example', path, search) as url,
    path, title, search,
    if(step = 1, landing_referrer, 'https://shop.nordkai.example/') as referrer,
    ip as context_ip,
    user_agent as context_user_agent,
    locale as context_locale,
    concat('https://shop.nordkai.example', path, search) as context_page_url,
    if(step = 1, campaign_source, null) as context_campaign_source,
    if(step = 1, campaign_medium, null) as context_campaign_medium,
    if(step = 1, campaign_name, null) as context_campaign_name,
    if(step = 1, campaign_term, null) as context_campaign_term,
    cast(null as varchar) as context_campaign_content,
    received_at, sent_at, original_timestamp, timestamp,
    _arrived_at,
from addressed
