-- An order arrives when it is placed, and again when it is shipped later, cancelled or refunded.
with versions as (
    select *, 1 as version_no, ordered_at as updated_at from orders
    union all
    select *, 2, changed_at from orders where changed_at < getvariable('world_end')
),

addressed as (
    select
        versions.*,
        order_id(order_no) as order_id,
        -- The data of the account; without one, what the guest typed at the checkout.
        coalesce(account.record_no, guest.record_no) as record_no,
        coalesce(account.given_name, guest.given_name) as given_name,
        if(
            persons.changes_surname and ordered_at >= persons.life_changed_at,
            persons.later_family_name, coalesce(account.family_name, guest.family_name)
        ) as family_name,
        coalesce(account.email, guest.email) as email,
        coalesce(account.phone, guest.phone_text) as phone,
        persons.shopify_customer_id,
        coalesce(account.company_name, guest.company_name) as company_name,
        if(moved, lives.next_street, persons.street) as street,
        if(moved, lives.next_city, persons.city) as city,
        if(moved, lives.next_region, persons.region) as region,
        if(moved, lives.next_postal_code, persons.postal_code) as postal_code,
        versions.country_code as ship_country_code,
        countries.country_name as ship_country,
        -- Orders from abroad go to a hotel in the parcel service's capital.
        abroad.city as abroad_city, abroad.region as abroad_region, fill(abroad.postal_pattern, 'abroad postal code', versions.visit_no) as abroad_postal_code,
    from (select versions.*, coalesce(versions.ordered_at >= lives.moved_at, false) as moved from versions inner join lives on lives.person_no = versions.account_no) as versions
    inner join persons on persons.person_no = versions.account_no
    inner join lives on lives.person_no = versions.account_no
    inner join countries on countries.country_code = versions.country_code
    left join records as account on account.record_no = versions.account_no * 8 + 3
    left join records as guest on guest.record_no = versions.account_no * 8 + 7
    left join city_slots as abroad on versions.is_foreign and abroad.country_code = versions.country_code and abroad.slot = 1
),

written as (
    select
        *,
        concat_ws(' ', given_name, family_name) as full_name,
        if(is_foreign, 'Hotel Nordkai', street) as ship_street,
        if(is_foreign, abroad_city, city) as ship_city,
        if(is_foreign, abroad_region, region) as ship_region,
        if(is_foreign, abroad_postal_code, postal_code) as ship_postal_code,
        draw('order phone', order_no) < 0.5 as shows_phone,
        place in ('web', 'tablet') as is_online,
    from addressed
)

select
    order_id as id,
    if(names_account, shopify_customer_id, null) as customer_id,
    email,
    if(shows_phone, phone, null) as phone,
    concat('#', 1000 + order_no) as name,
    order_no as number,
    1000 + order_no as order_number,
    if(draw('order note', order_no) < 0.02, 'Please ring twice.', null) as note,
    token('order', order_no) as token,
    if(place = 'store', null, token('cart', visit_no)) as cart_token,
    if(place = 'store', null, token('checkout', visit_no)) as checkout_token,
    full_name as shipping_address_name,
    given_name as shipping_address_first_name,
    family_name as shipping_address_last_name,
    company_name as shipping_address_company,
    if(shows_phone, phone, null) as shipping_address_phone,
    ship_street as shipping_address_address_1,
    cast(null as varchar) as shipping_address_address_2,
    ship_city as shipping_address_city,
    ship_region as shipping_address_province,
    ship_region as shipping_address_province_code,
    ship_postal_code as shipping_address_zip,
    ship_country as shipping_address_country,
    ship_country_code as shipping_address_country_code,
    full_name as billing_address_name,
    given_name as billing_address_first_name,
    family_name as billing_address_last_name,
    company_name as billing_address_company,
    if(shows_phone, phone, null) as billing_address_phone,
    ship_street as billing_address_address_1,
    cast(null as varchar) as billing_address_address_2,
    ship_city as billing_address_city,
    ship_region as billing_address_province,
    ship_region as billing_address_province_code,
    ship_postal_code as billing_address_zip,
    ship_country as billing_address_country,
    ship_country_code as billing_address_country_code,
    case
        when version_no = 1 then if(is_cancelled, 'pending', 'paid')
        when is_cancelled then 'voided'
        when is_partly_refunded then 'partially_refunded'
        when is_refunded then 'refunded'
        else 'paid'
    end as financial_status,
    if(is_cancelled or (version_no = 1 and is_shipped_later and not is_refunded), null, 'fulfilled') as fulfillment_status,
    currency,
    if(place in ('store', 'kiosk'), 'pos', 'web') as source_name,
    case channel when 'paid_search' then 'https://www.google.com/' when 'organic' then 'https://www.google.com/' when 'paid_social' then 'https://www.facebook.com/' when 'referral' then 'https://blog.cupandkettle.example/' end as referring_site,
    if(is_online, '/', null) as landing_site_base_url,
    ip_text(devices.ip_no) as browser_ip,
    total_amount as subtotal_price,
    tax_amount as total_tax,
    discount_amount as total_discounts,
    items_amount as total_line_items_price,
    total_amount as total_price,
    true as taxes_included,
    coalesce(wishes.allows_email, false) as buyer_accepts_marketing,
    is_test as test,
    if(version_no = 2 and is_cancelled, ['customer', 'inventory', 'fraud', 'declined'][pick(4, 'cancelled because', order_no)], null) as cancel_reason,
    if(version_no = 2 and is_cancelled, changed_at, null) as cancelled_at,
    cast(null as timestamp) as closed_at,
    ordered_at as processed_at,
    ordered_at as created_at,
    updated_at,
    false as _fivetran_deleted,
    synced(updated_at, 'order synced', order_no) as _fivetran_synced,
    synced(updated_at, 'order synced', order_no) as _arrived_at,
    order_no * 2 + version_no as _order,
from written
left join devices using (device_no)
left join wishes on wishes.person_no = written.account_no
