-- One row per step of a visit to the web shop; a step is a page, a call of track, a call of
-- identify, or two of them. Steps: 1 landing, 2 sign in, 3 category, 4 product, 5 add to cart, 6
-- cart, 7 guest identifies themselves, 8 checkout, 9 thanks.
create type channel_name as enum (
    'desk', 'direct', 'email', 'kiosk', 'organic', 'paid_search', 'paid_social', 'referral', 'store'
);

create or replace table web_events as
with stepped as (
    select
        visit_no,
        person_no,
        account_no,
        device_no,
        ad_campaign_no,
        category_no,
        channel,
        step_seconds,
        started_at,
        recovered_after,
        is_signed_in,
        list_concat(
            [16],
            if(is_signed_in, [32], []),
            if(view_count > 1, [48], []),
            list_transform(range(1, view_count + 1), lambda item: 64 + item),
            list_transform(range(1, basket_count + 1), lambda item: 80 + item),
            if(outcome in ('order', 'checkout', 'cart'), [96], []),
            if(outcome in ('order', 'checkout') and not is_signed_in, [112], []),
            if(outcome in ('order', 'checkout'), [128], []),
            if(outcome = 'order', [144], [])
        ) as steps,
    from visits
    where device_no is not null
),

unfolded as (
    select * exclude (steps), unnest(steps) as code, generate_subscripts(steps, 1) as seq
    from stepped
),

happened as (
    select
        visit_no * 64 + seq as event_no,
        visit_no,
        -- The largest table by far: every byte of a row counts.
        cast(person_no as integer) as person_no,
        cast(account_no as integer) as account_no,
        device_no,
        cast(code // 16 as utinyint) as step,
        cast(code % 16 as utinyint) as item,
        cast(channel as channel_name) as channel,
        cast(ad_campaign_no as utinyint) as ad_campaign_no,
        is_signed_in and seq >= 2 as knows_user,
        cast(category_no as utinyint) as category_no,
        if(
            code // 16 in (4, 5),
            cast((category_no - 1) * 8 + pick(8, 'product', visit_no, code % 16) as utinyint),
            null
        ) as product_no,
        after(started_at, seq * step_seconds + if(code = 144, coalesce(recovered_after, 0), 0))
            as happened_at,
    from unfolded
)

select
    *,
    chance(getvariable('late_events'), 'late', event_no) as is_late,
    after(happened_at, 0.2 + 2.5 * draw('network', event_no) + if(
        chance(getvariable('late_events'), 'late', event_no),
        86400 * (1 + 8 * draw('late by', event_no)),
        0
    )) as received_at,
from happened
where happened_at < getvariable('world_end');

-- The id that the browser gave to the call. A step has one id per kind of call.
create or replace macro message_id(kind, event_no) as concat(
    'ajs-', printf('%016x', bits(kind, event_no))
);

-- Calls as they arrive in the warehouse. Some arrive twice: the same row again, up to two days
-- later.
create or replace macro deliveries(kind, wanted_steps) as table
select
    event.*,
    message_id(kind, event.event_no) as message_id,
    false as is_second,
    event.received_at as _arrived_at,
from web_events as event
where list_contains(wanted_steps, event.step)
union all
select
    event.*,
    message_id(kind, event.event_no),
    true,
    after(event.received_at, 2 + pow(draw(kind || ' again', event.event_no), 4) * 172800),
from web_events as event
where
    list_contains(wanted_steps, event.step)
    and chance(getvariable('duplicate_events'), kind || ' twice', event.event_no);
