-- A data provider's segments of cookies. Some cookies belong to our visitors, synchronised with the
-- provider.
with known as (
    select
        device_no as cookie_key, anonymous_id as cookie_id, first_used_at as seen_at,
        -- Half of the anonymous visitors and few of the customers.
        draw('cookie synced', device_no) < if(exists (select 1 from persons where persons.person_no = device_no // 4), 0.1, 0.5) as is_synced,
    from devices
    where device_no < 1000000000000
),

cookies as (
    select cookie_key, cookie_id, seen_at from known where is_synced
    union all
    select
        4000000000000 + n, uuid_token('stray cookie', n),
        after(getvariable('world_start'), draw('stray seen', n) * getvariable('world_seconds')),
    from range(1, getvariable('visitors') // 3 + 1) as stray (n)
),

heard as (
    select *, unnest(range(1, 1 + pick(3, 'interest count', cookie_key))) as turn
    from cookies
),

tagged as (
    select
        *,
        1 + (pick(6, 'interest', cookie_key) + turn * 2) % 6 as interest_no,
        soon_after(seen_at, 60, 'collected at', cookie_key, turn) as collected_at,
    from heard
)

select
    cookie_id,
    concat('IAB-AUD-', 210 + interest_no) as segment_taxonomy,
    ['Coffee Lovers', 'Tea Drinkers', 'Home Cooks', 'Gardeners', 'Hikers and Campers', 'Home Office'][interest_no] as segment_name,
    'adlake' as provider,
    concat('CP', left(token('consent string', cookie_key), 20), '.YAAAAAAAAAAA') as consent_string,
    collected_at,
    collected_at + to_days(cast([30, 90, 180, 395][pick(4, 'lives for', cookie_key, turn)] as integer)) as expires_at,
    collected_at as _arrived_at,
    cookie_key * 4 + turn as _order,
from tagged
