-- Visits with their device and outcome. A visit to the web shop becomes events, a visit to a store
-- only an order.

-- First visits follow growth. The gaps between later visits grow, so repeat purchases become rarer.
create or replace table spells as
with visitors as (
    select
        person_no,
        first_seen_at,
        0.4 + 0.8 * (wait('pace', person_no, 1) + wait('pace', person_no, 2)) as eagerness,
        uses_web
    from persons
    union all
    select
        n as person_no,
        in_daytime(
            after(
                getvariable('world_start'),
                pow(draw('first seen', n), 0.8) * getvariable('world_seconds')
            ),
            'first hour',
            n
        ),
        0.5, true
    from
        range(
            getvariable('customers') + 1, getvariable('customers') + getvariable('visitors') + 1
        ) as visitor (n)
),

counted as (
    select
        *,
        cast(1 + least(30, floor(wait('visit count', person_no) * eagerness)) as integer)
            as visit_count
    from visitors
),

numbered as (
    select person_no, first_seen_at, uses_web, unnest(range(1, visit_count + 1)) as turn
    from counted
),

spaced as (
    select
        *,
        sum(
            if(
                turn = 1,
                0,
                cast(wait('gap', person_no, turn) * 86400 * 35 * (1 + 0.2 * turn) as bigint)
            )
        )
            over (partition by person_no order by turn) as seconds_since_first,
    from numbered
),

timed as (
    select
        person_no, uses_web, turn,
        if(turn = 1, first_seen_at, greatest(
            after(first_seen_at, 3600 * turn),
            in_daytime(after(first_seen_at, seconds_since_first), 'hour', person_no * 64 + turn)
        )) as started_at,
    from spaced
    where seconds_since_first < getvariable('world_seconds')
)

select timed.*
from timed
inner join months on months.month_no = month(timed.started_at)
where
    started_at < getvariable('world_end') and (turn = 1 or draw('season', person_no, turn) < months.weight);

create or replace table accounts as
select row_number() over (order by person_no) as account_turn, person_no, account_created_at
from persons
where has_account;

create or replace table kiosk_count as
select greatest(1, cast(round(count(*) / 40) as bigint)) as kiosk_count
from persons
where visits_kiosk and has_account;

create or replace table raw_visits as
-- Ordinary visits. Customers who do not use the web visit the store.
select
    person_no, person_no as account_no, 0 as kind, turn, started_at,
    if(uses_web, 'web', 'store') as place,
    if(uses_web, person_no * 4 + least(
        pick(3, 'which device', person_no, turn),
        1
        + cast(chance(0.35, 'second device', person_no) as integer)
        + cast(chance(0.08, 'third device', person_no) as integer)
    ), null) as device_no,
    null as forced_outcome,
from spells
union all
-- The last week of the world has a campaign: some visitors browse one category, some leave a cart.
select
    person_no,
    person_no,
    1,
    wave,
    after(getvariable('world_end'), -(18000 + 561600 * draw('campaign at', person_no, wave))),
    'web',
    person_no * 4 + 1,
    if(wave = 1, 'compare', if(chance(0.6, 'campaign cart', person_no), 'checkout', 'cart')),
from persons
cross join range(1, 3) as week (wave)
where uses_web and chance(0.06, 'campaign', person_no, wave)
union all
-- Two or more members of a household share one tablet.
select
    person_no,
    person_no,
    2,
    1,
    soon_after(first_seen_at, 120, 'tablet at', person_no, 1),
    'tablet',
    1000000000000 + household_no,
    null
from
    (
        select *, count(*) over (partition by household_no) as account_count
        from persons
        where has_account and shares_tablet
    ) as member
where account_count > 1
union all
select
    persons.person_no,
    persons.person_no,
    3,
    1,
    soon_after(first_seen_at, 200, 'kiosk at', persons.person_no, 1),
    'kiosk',
    2000000000000 + pick(kiosk_count, 'which kiosk', persons.person_no), null,
from persons
cross join kiosk_count
where visits_kiosk and has_account
union all
-- An employee at a desk, signed in as a customer who called.
select
    helper.person_no,
    accounts.person_no,
    4,
    turn,
    soon_after(
        greatest(helper.first_seen_at, account_created_at), 300, 'helps at', helper.person_no, turn
    ),
    'desk', helper.person_no * 4 + 3, null,
from (
    -- Drawn before the join: a random draw in the join condition would compare every pair.
    select *, pick(account_count, 'helps whom', person_no, turn) as account_turn
    from (
        select person_no, first_seen_at, unnest(range(1, 19)) as turn
        from persons
        where is_employee
    ) as calling
    cross join (select count(*) as account_count from accounts) as counted
) as helper
inner join accounts using (account_turn)
where accounts.person_no <> helper.person_no
union all
-- A crawler reads page after page.
select
    null,
    null,
    5,
    turn,
    after(
        getvariable('world_start'),
        draw('crawls at', 700000000 + bot_no, turn) * getvariable('world_seconds')
    ),
    'bot', 3000000000000 + bot_no, 'crawl',
from range(1, getvariable('bot_count') + 1) as bot (bot_no)
cross join range(1, 4) as crawl (turn);

create or replace table visits as
with placed as (
    select
        raw_visits.*,
        coalesce(raw_visits.person_no, 700000000 + device_no % 1000000000) * 100000
        + kind * 10000
        + turn as visit_no,
        coalesce(persons.has_account, false) as has_account,
        coalesce(persons.in_newsletter, false) as in_newsletter,
        persons.person_no is not null as is_customer,
        persons.favourite_category,
    from raw_visits
    left join persons on persons.person_no = raw_visits.account_no
    where started_at < getvariable('world_end')
),

decided as (
    select
        *,
        case
            when forced_outcome is not null then forced_outcome
            when place = 'store' then 'order'
            when not is_customer then if(draw('outcome', visit_no) < 0.07, 'cart', 'browse')
            when draw('outcome', visit_no) < if(kind = 0 and turn = 1, 0.42, 0.34) then 'order'
            when draw('outcome', visit_no) < 0.49 then 'checkout'
            when draw('outcome', visit_no) < 0.57 then 'cart'
            else 'browse'
        end as outcome,
        draw('channel', visit_no) as channel_draw,
        month(started_at) in (11, 12, 1, 2) as is_winter,
    from placed
    where kind <> 1 or started_at >= getvariable('world_start')
),

shaped as (
    select
        *,
        has_account and place <> 'store' and (
            kind in (2, 3, 4)
            or draw('signs in', visit_no)
            < case outcome
                when 'order' then 0.85 when 'checkout' then 0.85 when 'cart' then 0.5 else 0.4
            end
        ) as is_signed_in,
        case
            when place in ('store', 'kiosk', 'desk') then place
            when place = 'bot' then 'direct'
            when channel_draw < 0.18 then 'paid_search'
            when channel_draw < 0.30 then 'paid_social'
            when channel_draw < 0.45 and in_newsletter then 'email'
            when channel_draw < 0.70 then 'organic'
            when channel_draw < 0.80 then 'referral'
            else 'direct'
        end as channel,
        case outcome
            when 'crawl' then 15 when 'compare' then pick(3, 'views', visit_no) + 2
            else
                cast(
                    1
                    + least(
                        5, floor(wait('views', visit_no) * if(outcome = 'browse', 1.0, 1.5))
                    ) as integer
                )
        end as view_count,
        case
            when
                chance(0.55, 'favourite', visit_no)
                and favourite_category is not null
                and not (is_winter and favourite_category in (4, 5))
                then favourite_category
            when is_winter then [1, 2, 3, 6][pick(4, 'category', visit_no)]
            else pick(6, 'category', visit_no)
        end as category_no,
        15 + cast(floor(45 * draw('reading', visit_no)) as integer) as step_seconds,
    from decided
),

filled as (
    select
        *,
        if(
            outcome in ('order', 'checkout', 'cart'),
            least(
                if(place = 'store', 5, view_count),
                cast(1 + floor(wait('basket', visit_no) * 1.3) as integer)
            ),
            0
        ) as basket_count,
        case channel
            when 'paid_search' then pick(6, 'ad', visit_no) when
                'paid_social'
                then 6 + pick(4, 'ad', visit_no)
        end as ad_campaign_no,
    from shaped
)

select
    visit_no,
    person_no,
    account_no,
    device_no,
    kind,
    turn,
    place,
    outcome,
    channel,
    ad_campaign_no,
    category_no,
    view_count, basket_count, step_seconds, is_signed_in, is_customer, started_at,
    -- landing, sign in, category, products, cart lines, cart, guest details, checkout, thanks
    1 + cast(is_signed_in as integer) + cast(view_count > 1 as integer) + view_count + basket_count
    + cast(outcome in ('order', 'checkout', 'cart') as integer)
    + cast(outcome in ('order', 'checkout') as integer) * (1 + cast(not is_signed_in as integer))
    + cast(outcome = 'order' as integer) as step_count,
    -- One order in ten is finished hours after the checkout was left.
    if(
        outcome = 'order' and place = 'web' and chance(0.1, 'recovered', visit_no),
        cast(21600 + 180000 * draw('recovered after', visit_no) as integer),
        null
    ) as recovered_after,
from filled
order by visit_no;

-- Addresses in the shared range of carriers (RFC 6598).
create or replace macro ip_text(ip_no) as if(
    ip_no is null,
    null,
    concat(
        '100.', 64 + bits('ip', ip_no) % 64,
        '.', (bits('ip', ip_no) >> 8) % 256,
        '.', (bits('ip', ip_no) >> 16) % 256
    )
);

create or replace table devices as
with used as (
    select
        device_no,
        min(started_at) as first_used_at,
        min_by(visit_no, (started_at, visit_no)) as first_visit_no,
        any_value(place = 'bot') as is_bot,
        min(account_no) as any_account_no
    from visits
    where device_no is not null
    group by device_no
)

select
    used.device_no, used.is_bot, used.first_used_at, used.first_visit_no,
    uuid_token('device', used.device_no) as anonymous_id,
    case
        when used.is_bot then 101 + bits('agent', used.device_no) % 4
        when used.device_no between 1000000000000 and 1999999999999 then 6
        when used.device_no between 2000000000000 and 2999999999999 then 5
        else pick(5, 'agent', used.device_no)
    end as agent_no,
    -- A household has one IP address.
    coalesce(persons.household_no, -used.device_no) as ip_no,
    coalesce(persons.locale, 'en-US') as locale,
    if(
        not used.is_bot and chance(getvariable('clock_skew'), 'skewed', used.device_no),
        cast((draw('skew', used.device_no) - 0.6) * 5 * 86400 as integer),
        0
    ) as skew_seconds,
    chance(0.34, 'skew uncorrected', used.device_no) as is_uncorrected,
from used
left join persons on persons.person_no = used.any_account_no
order by used.device_no;

-- A large world needs the memory.
drop table spells;
drop table raw_visits;
