-- In the format of the banner's own log: one line per purpose, moments in ISO 8601.
select
    left(token('decision', decision_no), 24) as decision_id,
    anonymous_id,
    account.shopify_customer_id as user_id,
    records.email,
    purpose,
    channel,
    decision,
    if(consent_decisions.decided_at < timestamp '2026-01-01', '2025-1', '2026-1') as policy_version,
    case
        when
            persons.country_code is null or persons.country_code in ('DE', 'FR', 'NL', 'PL')
            then 'EU' else persons.country_code
    end as region,
    if(
        anonymous_id is not null and purpose = 'advertising',
        concat('CP', left(token('tc', decision_no), 20), '.YAAAAAAAAAAA'),
        null
    ) as tc_string,
    strftime(consent_decisions.decided_at, '%Y-%m-%dT%H:%M:%S.%gZ') as decided_at,
    -- A decision arrives when it is logged.
    consent_decisions.decided_at as _arrived_at,
    decision_no as _order,
from consent_decisions
left join persons on persons.person_no = consent_decisions.person_no
left join persons as account on account.person_no = consent_decisions.signed_in_no
left join records on records.record_no = consent_decisions.email_record_no
