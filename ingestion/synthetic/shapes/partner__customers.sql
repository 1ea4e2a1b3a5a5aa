-- Shared at night, under licences that expire; some have expired.
with shared as (
    select *, cast(cast(created_at as date) as timestamp) + interval 26 hour as shared_at
    from records
    where source = 'partner'
)

select
    record_id as partner_record_id,
    email,
    phone_text as phone,
    given_name as first_name,
    family_name as last_name,
    postal_code,
    country_code as country,
    ['bronze', 'silver', 'gold'][pick(3, 'tier', record_no)] as loyalty_tier,
    if(record_no % 2 = 0, 'NK-2025-014', 'NK-2025-022') as licence,
    if(record_no % 2 = 0, 'advertising', 'personalisation') as purpose,
    shared_at,
    shared_at
    + to_days(cast([90, 180, 365][pick(3, 'licence length', record_no)] as integer)) as expires_at,
    shared_at as _arrived_at,
    record_no as _order,
from shared
