-- Sorted before the text is filled in, so without `_order`.
with done as (
    select * from calls_of('track', [2, 4, 5, 8, 9])
)

select
    message_id as id,
    anonymous_id, user_id,
    case step
        when 2 then 'signed_in' when 4 then 'product_viewed' when 5 then 'product_added' when
            8
            then 'checkout_started' else 'order_completed'
    end as event,
    case step
        when 2 then 'Signed In' when 4 then 'Product Viewed' when 5 then 'Product Added' when
            8
            then 'Checkout Started' else 'Order Completed'
    end as event_text,
    if(step in (4, 5), product_id, null) as product_id,
    if(step in (4, 5), product_name, null) as product_name,
    if(step in (4, 5), category, null) as category,
    if(step in (4, 5), price, null) as price,
    if(step = 5, cast(quantity as bigint), null) as quantity,
    if(step in (5, 8, 9), token('cart', visit_no), null) as cart_id,
    if(step in (8, 9), token('checkout', visit_no), null) as checkout_id,
    if(step = 9, order_id, null) as order_id,
    if(step in (8, 9), total_amount, null) as revenue,
    if(step in (4, 5, 8, 9), currency, null) as currency,
    ip as context_ip,
    user_agent as context_user_agent,
    locale as context_locale,
    concat(
        'https://shop.nordkai.example',
        case step
            when 2 then '/account/login' when 8 then '/checkout' when 9 then '/thank-you' else
                concat('/products/', lower(sku))
        end
    ) as context_page_url,
    campaign_source as context_campaign_source,
    campaign_medium as context_campaign_medium,
    campaign_name as context_campaign_name,
    campaign_term as context_campaign_term,
    cast(null as varchar) as context_campaign_content,
    received_at, sent_at, original_timestamp, timestamp,
    _arrived_at,
from done
