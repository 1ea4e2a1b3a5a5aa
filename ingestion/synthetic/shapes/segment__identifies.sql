-- A sign-in sends the account's data, a guest order what the guest typed at the checkout.
with named as (
    select
        calls.*,
        records.email,
        records.phone,
        records.given_name,
        records.family_name,
        records.birth_date,
        records.record_no,
    from calls_of('identify', [2, 7]) as calls
    inner join
        records
        on records.record_no = calls.account_no * 8 + if(calls.account_has_account, 3, 7)
)

select
    message_id as id,
    anonymous_id, user_id,
    email,
    if(step = 2, phone, null) as phone,
    given_name as first_name,
    family_name as last_name,
    if(
        step = 2 and draw('tells birthday', record_no) < 0.6, strftime(birth_date, '%Y-%m-%d'), null
    ) as birthday,
    ip as context_ip,
    user_agent as context_user_agent,
    locale as context_locale,
    concat('https://shop.nordkai.example', if(step = 2, '/account/login', '/checkout'))
        as context_page_url,
    received_at, sent_at, original_timestamp, timestamp,
    _arrived_at, _order,
from named
