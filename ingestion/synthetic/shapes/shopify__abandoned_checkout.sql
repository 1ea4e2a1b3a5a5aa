-- Abandoned checkouts. One that is finished hours later arrives again with the time of completion.
with left_behind as (
    select
        visits.visit_no, visits.account_no, visits.is_signed_in,
        basket_totals.* exclude (visit_no),
        after(visits.started_at, if(outcome = 'order', step_count - 1, step_count) * step_seconds) as left_at,
        orders.ordered_at as completed_at,
    from visits
    inner join basket_totals using (visit_no)
    left join orders using (visit_no)
    where (visits.outcome = 'checkout' or visits.recovered_after is not null) and visits.place <> 'store'
),

versions as (
    select *, 1 as version_no, left_at as updated_at from left_behind where left_at < getvariable('world_end')
    union all
    select *, 2, completed_at from left_behind where completed_at is not null
)

select
    cast(29000000000000 + visit_no as varchar) as id,
    token('checkout', visit_no) as token,
    token('cart', visit_no) as cart_token,
    if(is_signed_in, persons.shopify_customer_id, null) as customer_id,
    records.email,
    records.phone_text as phone,
    concat('#', 29000000000000 + visit_no) as name,
    concat_ws(' ', records.given_name, records.family_name) as shipping_address_name,
    records.given_name as shipping_address_first_name,
    records.family_name as shipping_address_last_name,
    cast(null as varchar) as shipping_address_company,
    records.phone_text as shipping_address_phone,
    records.street as shipping_address_address_1,
    cast(null as varchar) as shipping_address_address_2,
    records.city as shipping_address_city,
    records.region as shipping_address_province,
    records.region as shipping_address_province_code,
    records.postal_code as shipping_address_zip,
    records.country_name as shipping_address_country,
    records.country_code as shipping_address_country_code,
    versions.currency,
    versions.currency as presentment_currency,
    concat('https://shop.nordkai.example/checkouts/', token('checkout', visit_no), '/recover') as abandoned_checkout_url,
    '/' as landing_site_base_url,
    cast(null as varchar) as referring_site,
    'web' as source_name,
    total_amount as subtotal_price,
    tax_amount as total_tax,
    discount_amount as total_discounts,
    items_amount as total_line_items_price,
    total_amount as total_price,
    coalesce(wishes.allows_email, false) as buyer_accepts_marketing,
    left_at as created_at,
    versions.updated_at,
    if(version_no = 2, completed_at, null) as completed_at,
    cast(null as timestamp) as closed_at,
    false as _fivetran_deleted,
    synced(versions.updated_at, 'checkout synced', visit_no) as _fivetran_synced,
    synced(versions.updated_at, 'checkout synced', visit_no) as _arrived_at,
    visit_no * 2 + version_no as _order,
from versions
inner join persons on persons.person_no = versions.account_no
inner join records on records.record_no = versions.account_no * 8 + if(persons.has_account, 3, 7)
left join wishes on wishes.person_no = versions.account_no
