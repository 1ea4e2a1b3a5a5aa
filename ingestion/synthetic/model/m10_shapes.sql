-- What several shapes share.

-- dlt writes moments with their zone, and uses the load's second as its id.
create or replace macro utc(moment) as cast(moment as timestamptz);
create or replace macro dlt_load_id(moment) as concat(
    cast(cast(epoch(date_trunc('hour', moment)) + 3600 as bigint) as varchar), '.0'
);
create or replace macro dlt_id(kind, a) as left(token(concat('dlt ', kind), a), 14);

-- Tags of the visits that came from ads.
create or replace macro click_id(platform, visit_no) as
    if(
        platform = 'google',
        concat('Cj0KCQ', left(token('gclid', visit_no), 26)),
        concat('IwAR', left(token('fbclid', visit_no), 28))
    );

-- Repeated long text takes one byte while calls are sorted.
create type agent_text as enum (select user_agent from user_agents order by agent_no);
create type product_text as enum (select product_name from products order by product_no);
create type campaign_text as enum (select campaign_name from ad_campaigns order by campaign_no);

create or replace table call_products as
select
    product_no, category, sku,
    cast(product_id as bigint) as product_number,
    cast(product_name as product_text) as product_name,
    price,
from products;

-- The calls of a kind that arrived in the window, in order of arrival, as numbers: sorting the text
-- of millions of rows would cost more than everything else.
create or replace macro sorted_calls(kind, wanted_steps) as table
select
    delivery.event_no,
    delivery.visit_no,
    delivery.device_no,
    delivery.account_no,
    delivery.step,
    delivery.channel,
    device.ip_no,
    device.locale,
    cast(agent.user_agent as agent_text) as user_agent,
    cast(campaign.campaign_name as campaign_text) as campaign_name,
    account.has_account as account_has_account,
    if(delivery.knows_user, cast(account.shopify_customer_id as bigint), null) as user_number,
    product.product_number,
    product.product_name,
    product.sku,
    category.category,
    coalesce(
        basket.price, money(product.price * country.price_level, country.money_digits)
    ) as price,
    basket.quantity,
    -- A basket that is sent abroad is paid in the currency of that country.
    coalesce(basket.currency, basket_total.currency, country.currency) as currency,
    basket_total.total_amount,
    orders.order_no,
    delivery.received_at,
    -- A wrong device clock dates the calls. Segment corrects the error, unless the page itself set
    -- the moment.
    after(delivery.received_at, device.skew_seconds - 0.15) as sent_at,
    after(delivery.happened_at, device.skew_seconds) as original_timestamp,
    after(delivery.happened_at, if(device.is_uncorrected, device.skew_seconds, 0)) as timestamp,
    delivery._arrived_at,
    delivery.event_no * 2 + cast(delivery.is_second as integer) as _order,
from deliveries(kind, wanted_steps) as delivery
inner join devices as device on device.device_no = delivery.device_no
inner join user_agents as agent on agent.agent_no = device.agent_no
left join persons as account on account.person_no = delivery.account_no
left join countries as country on country.country_code = coalesce(account.country_code, 'DE')
left join call_products as product on product.product_no = delivery.product_no
left join (select distinct category_no, category from products) as category
    on category.category_no = delivery.category_no
left join ad_campaigns as campaign on campaign.campaign_no = delivery.ad_campaign_no
left join basket_lines as basket
    on delivery.step = 5 and basket.visit_no = delivery.visit_no and basket.line = delivery.item
left join basket_totals as basket_total
    on delivery.step in (8, 9) and basket_total.visit_no = delivery.visit_no
left join orders on delivery.step = 9 and orders.visit_no = delivery.visit_no
where
    delivery._arrived_at >= getvariable('window_start')
    and delivery._arrived_at < getvariable('window_end')
order by delivery._arrived_at, _order;

-- A browser's calls with all fields that Segment adds, in order of arrival.
create or replace macro calls_of(kind, wanted_steps) as table
select
    visit_no, account_no, account_has_account, step,
    message_id(kind, event_no) as message_id,
    uuid_token('device', device_no) as anonymous_id,
    cast(user_number as varchar) as user_id,
    ip_text(ip_no) as ip,
    locale,
    cast(user_agent as varchar) as user_agent,
    cast(product_number as varchar) as product_id,
    cast(product_name as varchar) as product_name,
    sku, category, price, quantity, currency, total_amount,
    order_id(order_no) as order_id,
    case channel
        when 'paid_search' then concat(
            '?utm_source=google&utm_medium=cpc&utm_campaign=', campaign_name,
            '&gclid=', click_id('google', visit_no)
        )
        when 'paid_social' then concat(
            '?utm_source=facebook&utm_medium=paid_social&utm_campaign=', campaign_name,
            '&fbclid=', click_id('meta', visit_no)
        )
        when 'email' then '?utm_source=klaviyo&utm_medium=email&utm_campaign=newsletter'
        else ''
    end as landing_search,
    case channel
        when 'paid_search' then 'https://www.google.com/'
        when 'organic' then 'https://www.google.com/'
        when 'paid_social' then 'https://www.facebook.com/'
        when 'referral' then 'https://blog.cupandkettle.example/'
    end as landing_referrer,
    case channel
        when 'paid_search' then 'google'
        when 'paid_social' then 'facebook'
        when 'email' then 'klaviyo'
    end as campaign_source,
    case channel
        when 'paid_search' then 'cpc'
        when 'paid_social' then 'paid_social'
        when 'email' then 'email'
    end as campaign_medium,
    case
        when channel in ('paid_search', 'paid_social') then cast(campaign_name as varchar)
        when channel = 'email' then 'newsletter'
    end as campaign_name,
    if(channel = 'paid_search', category, null) as campaign_term,
    received_at, sent_at, original_timestamp, timestamp, _arrived_at, _order,
from sorted_calls(kind, wanted_steps);

-- Clicks and orders by ad campaign, day and device, scaled up to the platform's numbers: it counts
-- more clicks than the shop sees landings.
create or replace table ad_days as
with days as (
    select
        unnest(
            generate_series(
                date_trunc('day', getvariable('world_start')),
                getvariable('world_end') - interval 1 day,
                interval 1 day
            )
        ) as day
),

landed as (
    select
        ad_campaign_no as campaign_no,
        date_trunc('day', started_at) as day,
        if(device_no % 3 = 0, 'DESKTOP', 'MOBILE') as device,
        count(*) as landings,
        count(*) filter (outcome = 'order') as orders
    from visits
    where ad_campaign_no is not null
    group by all
)

select
    days.* exclude (campaign_day), device.device,
    coalesce(landings, 0) + coalesce(landings, 0) // 6
    + pick(3, 'extra clicks', campaign_day, length(device.device)) - 1 as clicks,
    (coalesce(landings, 0) + 2)
    * (18 + pick(30, 'impressions', campaign_day, length(device.device))) as impressions,
    coalesce(orders, 0) as orders,
from (
    select ad_campaigns.*, days.day, campaign_no * 100000 + epoch(days.day) // 86400 as campaign_day
    from ad_campaigns
    cross join days
) as days
cross join (values ('MOBILE'), ('DESKTOP')) as device (device)
left join landed using (campaign_no, day, device)
order by day, campaign_no, device;

-- Only truth tables use the ids of persons.
create or replace macro visitor_id(person_no) as if(
    person_no is null, null, concat('P', lpad(cast(person_no as varchar), 9, '0'))
);
