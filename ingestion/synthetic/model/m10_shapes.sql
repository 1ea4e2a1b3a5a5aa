-- What several shapes share.

-- dlt writes moments with their zone, and names the load by its second.
create or replace macro utc(moment) as cast(moment as timestamptz);
create or replace macro dlt_load_id(moment) as concat(
    cast(cast(epoch(date_trunc('hour', moment)) + 3600 as bigint) as varchar), '.0'
);
create or replace macro dlt_id(kind, a) as left(token(concat('dlt ', kind), a), 14);

-- How each ad-bound visit was tagged.
create or replace macro click_id(platform, visit_no) as
    if(
        platform = 'google',
        concat('Cj0KCQ', left(token('gclid', visit_no), 26)),
        concat('IwAR', left(token('fbclid', visit_no), 28))
    );

-- A browser's call with all that Segment puts around it, for a kind of call and the steps that make one.
create or replace macro calls_of(kind, wanted_steps) as table
select
    delivery.step, delivery.visit_no, delivery.account_no, delivery.message_id,
    device.anonymous_id, device.ip, device.locale, agent.user_agent,
    if(delivery.knows_user, account.shopify_customer_id, null) as user_id,
    account.has_account as account_has_account,
    product.product_id, product.product_name, product.sku,
    category.category,
    money(product.price * country.price_level, country.money_digits) as price,
    basket.quantity,
    country.currency,
    basket_total.total_amount,
    bought.order_id,
    case delivery.channel
        when
            'paid_search'
            then
                concat(
                    '?utm_source=google&utm_medium=cpc&utm_campaign=',
                    campaign.campaign_name,
                    '&gclid=',
                    click_id('google', delivery.visit_no)
                )
        when
            'paid_social'
            then
                concat(
                    '?utm_source=facebook&utm_medium=paid_social&utm_campaign=',
                    campaign.campaign_name,
                    '&fbclid=',
                    click_id('meta', delivery.visit_no)
                )
        when 'email' then '?utm_source=klaviyo&utm_medium=email&utm_campaign=newsletter'
        else ''
    end as landing_search,
    case delivery.channel
        when 'paid_search' then 'https://www.google.com/' when
            'organic'
            then 'https://www.google.com/'
        when 'paid_social' then 'https://www.facebook.com/' when
            'referral'
            then 'https://blog.cupandkettle.example/'
    end as landing_referrer,
    case delivery.channel
        when 'paid_search' then 'google' when 'paid_social' then 'facebook' when
            'email'
            then 'klaviyo'
    end as campaign_source,
    case delivery.channel
        when 'paid_search' then 'cpc' when 'paid_social' then 'paid_social' when
            'email'
            then 'email'
    end as campaign_medium,
    case
        when delivery.channel in ('paid_search', 'paid_social') then campaign.campaign_name when
            delivery.channel = 'email'
            then 'newsletter'
    end as campaign_name,
    if(delivery.channel = 'paid_search', category.category, null) as campaign_term,
    delivery.received_at,
    -- A clock that is off dates what it sends; Segment takes the error out, unless the page itself set the moment.
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
left join products as product on product.product_no = delivery.product_no
left join
    (select distinct category_no, category from products) as category
on category.category_no = delivery.category_no
left join ad_campaigns as campaign on campaign.campaign_no = delivery.ad_campaign_no
left join
    basket_lines as basket
on delivery.step = 5 and basket.visit_no = delivery.visit_no and basket.line = delivery.item
left join
    basket_totals as basket_total
on delivery.step in (8, 9) and basket_total.visit_no = delivery.visit_no
left join (select visit_no, order_id(order_no) as order_id from orders) as bought on delivery.step = 9 and bought.visit_no = delivery.visit_no;

-- Clicks and orders by ad campaign, day and device, blown up to what the platform would say: it counts more clicks than we see landings.
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
    ad_campaigns.*, days.day, device.device,
    coalesce(landings, 0)
    + pick(
        3, 'extra clicks', campaign_no * 100000 + epoch(days.day) // 86400, length(device.device)
    )
    - 1
    + coalesce(landings, 0)
    // 6 as clicks,
    (coalesce(landings, 0) + 2)
    * (
        18
        + pick(
            30,
            'impressions',
            campaign_no * 100000 + epoch(days.day) // 86400,
            length(device.device)
        )
    ) as impressions,
    coalesce(orders, 0) as orders,
from ad_campaigns
cross join days
cross join (values ('MOBILE'), ('DESKTOP')) as device (device)
left join landed using (campaign_no, day, device)
order by day, campaign_no, device;

-- Truth names people; nothing else does.
create or replace macro visitor_id(person_no) as if(
    person_no is null, null, concat('P', lpad(cast(person_no as varchar), 9, '0'))
);
