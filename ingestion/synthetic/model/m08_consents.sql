-- Consent decisions: cookies on the banner, messages at sign-up, advertising in the preference
-- centre.

create or replace table wishes as
select
    person_no,
    draw('allows email', person_no) < 0.66 as allows_email,
    draw('allows sms', person_no) < 0.28 as allows_sms,
    draw('allows ads', person_no) < 0.58 as allows_ads,
    draw('allows personalisation', person_no) < 0.62,
from persons;

create or replace table consent_decisions as
with on_banner as (
    select
        devices.device_no * 8 as decision_key, devices.anonymous_id, visits.person_no,
        if(visits.is_signed_in, visits.account_no, null) as signed_in_no,
        null as email_record_no,
        unnest(['advertising', 'analytics', 'personalisation']) as purpose,
        unnest(['ads', 'web', 'web']) as channel,
        unnest([1, 2, 3]) as purpose_no,
        after(devices.first_used_at, 4 + 20 * draw('banner', devices.device_no)) as decided_at,
        0.05 as withdrawal_share,
        [0.52, 0.74, 0.6] as agreement,
    from devices
    inner join visits on visits.visit_no = devices.first_visit_no
    where
        not devices.is_bot
        and draw('answers banner', devices.device_no) < if(visits.is_customer, 0.62, 0.45)
),

at_sign_up as (
    select
        700000000000000 + records.record_no * 8 as decision_key,
        null as anonymous_id,
        records.person_no,
        if(records.source = 'shopify', records.person_no, null) as signed_in_no,
        records.record_no as email_record_no,
        unnest(['email_marketing', 'sms_marketing', 'advertising']) as purpose,
        unnest(['email', 'sms', 'ads']) as channel,
        unnest([4, 5, 1]) as purpose_no,
        after(records.created_at, 20) as decided_at,
        0.07 as withdrawal_share,
        [0.0, 0.0, 0.0] as agreement,
    from records
    where source = 'shopify' or (source = 'klaviyo' and shopify_customer_id is null)
),

answered as (
    select
        * exclude (agreement),
        case purpose_no
            when 4 then allows_email
            when 5 then allows_sms
            else
                if(
                    email_record_no is not null,
                    allows_ads,
                    draw('agrees', decision_key, purpose_no) < agreement[purpose_no]
                )
        end as is_granted,
    from (select * from on_banner union all select * from at_sign_up) as asked
    left join wishes using (person_no)
    -- Only people who open the preference centre are asked about advertising. Text messages are
    -- often not asked about.
    where
        not (
            email_record_no is not null
            and purpose_no = 1
            and draw('opens preferences', decision_key) > 0.45
        )
        and not (purpose_no = 5 and draw('asked for sms', decision_key) > 0.6)
),

decided as (
    select
        decision_key + purpose_no as decision_no,
        * exclude (decision_key),
        if(is_granted, 'granted', 'denied') as decision
    from answered
    union all
    select
        1000000000000000 + decision_key + purpose_no,
        * exclude (decision_key) replace (
            soon_after(decided_at, 400, 'withdrawn at', decision_key, purpose_no) as decided_at
        ),
        'withdrawn',
    from answered
    where is_granted and draw('withdraws', decision_key, purpose_no) < withdrawal_share
)

select *
from decided
where decided_at < getvariable('world_end')
order by decision_no;

-- From when and until when a person may be contacted.
create or replace table mail_permissions as
select
    records.record_no, records.record_id, records.person_no, records.phone,
    min(decided_at) filter (purpose = 'email_marketing' and decision = 'granted') as email_from,
    min(decided_at) filter (purpose = 'email_marketing' and decision = 'withdrawn') as email_until,
    min(decided_at) filter (purpose = 'sms_marketing' and decision = 'granted') as sms_from,
    min(decided_at) filter (purpose = 'sms_marketing' and decision = 'withdrawn') as sms_until,
from records
inner join
    consent_decisions
    on consent_decisions.person_no = records.person_no and email_record_no is not null
where records.source = 'klaviyo'
group by all;
