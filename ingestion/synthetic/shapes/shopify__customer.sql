-- A customer arrives when the account is created, after the last order, and when a new name or the
-- end of a subscription is entered.
with customers as (
    select
        records.*,
        first_orders.last_ordered_at,
        if(changes_surname and life_changed_at > created_at and draw('tells the shop', record_no) < 0.5, after(life_changed_at, 7200), null) as renamed_at,
        asked.decided_at as answered_at,
        asked.decision = 'granted' as is_subscribed,
        withdrawn.decided_at as withdrawn_at,
    from records
    left join first_orders using (person_no)
    left join consent_decisions as asked
        on asked.email_record_no = records.record_no and asked.purpose = 'email_marketing' and asked.decision <> 'withdrawn'
    left join consent_decisions as withdrawn
        on withdrawn.email_record_no = records.record_no and withdrawn.purpose = 'email_marketing' and withdrawn.decision = 'withdrawn'
    where source = 'shopify'
),

moments as (
    select record_no, created_at as changed_at from customers
    union
    select record_no, after(last_ordered_at, 60) from customers where last_ordered_at > created_at
    union
    select record_no, renamed_at from customers where renamed_at is not null
    union
    select record_no, withdrawn_at from customers where withdrawn_at is not null
),

totals as (
    select moments.record_no, moments.changed_at, count(orders.visit_no) as orders_count, sum(orders.total_amount) as total_spent
    from moments
    inner join customers using (record_no)
    left join orders
        on orders.account_no = customers.person_no and orders.names_account and not orders.is_cancelled and orders.ordered_at < moments.changed_at
    group by all
)

select
    customers.record_id as id,
    email, phone,
    given_name as first_name,
    if(changed_at >= renamed_at, later_family_name, family_name) as last_name,
    'enabled' as state,
    cast(7800000000000 + cast(digits(person_no, 9) as bigint) as varchar) as default_address_id,
    countries.currency,
    orders_count,
    cast(coalesce(total_spent, 0) as decimal(18, 2)) as total_spent,
    coalesce(is_subscribed and not coalesce(changed_at >= withdrawn_at, false), false) as accepts_marketing,
    if(changed_at >= withdrawn_at, withdrawn_at, answered_at) as accepts_marketing_updated_at,
    case when changed_at >= withdrawn_at then 'unsubscribed' when is_subscribed then 'subscribed' when answered_at is not null then 'not_subscribed' end as email_marketing_consent_state,
    if(answered_at is not null, 'single_opt_in', null) as email_marketing_consent_opt_in_level,
    if(changed_at >= withdrawn_at, withdrawn_at, answered_at) as email_marketing_consent_consent_updated_at,
    false as tax_exempt,
    true as verified_email,
    created_at,
    changed_at as updated_at,
    false as _fivetran_deleted,
    synced(changed_at, 'customer synced', record_no) as _fivetran_synced,
    synced(changed_at, 'customer synced', record_no) as _arrived_at,
    record_no * 1000000 + epoch(changed_at) % 1000000 as _order,
from totals
inner join customers using (record_no)
inner join countries using (country_code)
where changed_at < getvariable('world_end')
