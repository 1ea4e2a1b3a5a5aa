-- Newsletters and text messages with their events, and tickets of the support desk.

create or replace table newsletters as
select
    row_number() over (order by sent_at) as campaign_no,
    sent_at,
    upper(left(token('newsletter', row_number() over (order by sent_at)), 6)) as campaign_id,
    concat(
        strftime(sent_at, '%Y-%m-%d'),
        ' ',
        [
            'New in the shop',
            'Seasonal picks',
            'Brewing at home',
            'Members'' week',
            'From the garden',
            'Desk and chair'
        ][1 + (row_number() over (order by sent_at)) % 6]
    ) as campaign_name,
    [
        'New in the shop this week',
        'What the season brings',
        'Three ways to brew it',
        'Only for members',
        'From seed to salad',
        'Sit well, work well'
    ][1 + (row_number() over (order by sent_at)) % 6] as subject,
from (
    select
        unnest(
            generate_series(
                date_trunc('week', getvariable('world_start')) + interval '8 days 8 hours',
                getvariable('world_end') - interval 2 hour,
                interval 21 day
            )
        ) as sent_at
) as sends;

create or replace table message_flows as
select *
from (
    values ('WELC01', 'Welcome series', 'Added to List'),
    ('CART01', 'Abandoned cart', 'Metric'),
    ('SMSA01', 'Text message offers', 'Metric')
) as flow (flow_id, flow_name, trigger_type);

create or replace table message_metrics as
select *
from (
    values
        (1, 'RCVEML', 'Received Email'),
        (2, 'OPNEML', 'Opened Email'),
        (3, 'CLKEML', 'Clicked Email'),
        (4, 'UNSEML', 'Unsubscribed'),
        (5, 'BNCEML', 'Bounced Email'),
        (6, 'RCVSMS', 'Received SMS'),
        (7, 'CLKSMS', 'Clicked SMS'),
        (8, 'UNSSMS', 'Unsubscribed from SMS')
) as metric (metric_no, metric_id, metric_name);

create or replace table messages as
with sends as (
    -- The welcome message, then every third newsletter that is meant for the person.
    select
        record_no * 1024 as message_key,
        record_no,
        record_id,
        person_no,
        email_until,
        sms_until,
        1 as metric_no,
        null as campaign_no,
        'WELC01' as flow_id,
        after(email_from, 300) as sent_at
    from mail_permissions
    where email_from is not null
    union all
    select
        record_no * 1024 + campaign_no,
        record_no,
        record_id,
        person_no,
        email_until,
        sms_until,
        1,
        campaign_no,
        null,
        after(newsletters.sent_at, 3600 * draw('send spread', record_no * 1024 + campaign_no))
    from mail_permissions
    inner join
        newsletters
        on
            newsletters.sent_at > email_from
            and newsletters.sent_at < coalesce(email_until, getvariable('world_end'))
    where draw('is meant', record_no * 1024 + campaign_no) < 0.45
    union all
    select
        record_no * 1024 + 500 + wave,
        record_no,
        record_id,
        person_no,
        email_until,
        sms_until,
        6,
        null,
        'SMSA01',
        soon_after(sms_from, 200, 'text at', record_no, wave)
    from mail_permissions
    cross join range(1, 3) as text (wave)
    where sms_from is not null and phone is not null
),

delivered as (
    select
        *,
        metric_no = 1 and draw('bounces', message_key) < 0.012 as bounces,
        draw('keenness', person_no) as keenness
    from sends
    where
        sent_at < getvariable('world_end')
        and sent_at < coalesce(if(metric_no = 6, sms_until, email_until), getvariable('world_end'))
),

followed as (
    select
        message_key, record_id, person_no, metric_no, campaign_no, flow_id, sent_at as happened_at
    from delivered
    where not bounces
    union all
    select message_key, record_id, person_no, 5, campaign_no, flow_id, after(sent_at, 60)
    from delivered
    where bounces
    union all
    select
        message_key,
        record_id,
        person_no,
        2,
        campaign_no,
        flow_id,
        after(sent_at, 600 + 90000 * pow(draw('opens after', message_key), 3))
    from delivered
    where metric_no = 1 and not bounces and draw('opens', message_key) < 0.15 + 0.5 * keenness
    union all
    select
        message_key,
        record_id,
        person_no,
        3,
        campaign_no,
        flow_id,
        after(sent_at, 700 + 90000 * pow(draw('opens after', message_key), 3))
    from delivered
    where metric_no = 1 and not bounces and draw('opens', message_key) < 0.12 * keenness
    union all
    select
        message_key,
        record_id,
        person_no,
        7,
        campaign_no,
        flow_id,
        after(sent_at, 200 + 9000 * draw('taps after', message_key))
    from delivered
    where metric_no = 6 and draw('taps', message_key) < 0.2
    union all
    -- People withdraw by a link in an e-mail or by answering STOP.
    select record_no * 1024 + 600, record_id, person_no, 4, null, null, email_until
    from mail_permissions
    where email_until is not null
    union all
    select record_no * 1024 + 601, record_id, person_no, 8, null, null, sms_until
    from mail_permissions
    where sms_until is not null and phone is not null
)

select *
from followed
where happened_at < getvariable('world_end')
order by message_key, metric_no;

create or replace table tickets as
with asked as (
    select
        record_no,
        record_id,
        person_no,
        email,
        created_at,
        shopify_customer_id,
        unnest(
            range(1, 2 + cast(least(4, floor(wait('ticket count', record_no) * 0.7)) as integer))
        ) as turn
    from records
    where source = 'zendesk'
)

select
    *,
    cast(
        20000
        + row_number()
            over (
                order by
                    soon_after(created_at, if(turn = 1, 0.02, 200), 'asks at', record_no, turn),
                    record_no,
                    turn
            )
        as varchar
    ) as ticket_id,
    soon_after(created_at, if(turn = 1, 0.02, 200), 'asks at', record_no, turn) as asked_at,
    pick(6, 'ticket subject', record_no, turn) as subject_no,
    pick(4, 'ticket agent', record_no, turn) as agent_no,
    pick(3, 'ticket channel', record_no, turn) as channel_no,
    chance(0.88, 'ticket solved', record_no, turn) as is_solved,
    after(
        soon_after(created_at, if(turn = 1, 0.02, 200), 'asks at', record_no, turn),
        3600 * (1 + 90 * pow(draw('solved after', record_no, turn), 2))
    ) as solved_at,
    chance(0.4, 'rates', record_no, turn) as is_rated,
    chance(0.8, 'is content', record_no, turn) as is_content,
from asked
order by record_no, turn;
