-- The owner of each identifier, in normalised form. Several rows where several people share one
-- (family phone, tablet, kiosk, role mailbox), none for placeholders. A mistyped address belongs to
-- the person who typed it.
with observed as (
    select 'email' as identifier_type, lower(email) as identifier_value, person_no from records where email is not null and email <> 'test@test.com'
    union
    select 'phone', phone, person_no from records where phone is not null
    union
    select
        case concat(source, '.', entity)
            when 'hubspot.contacts' then 'hubspot_contact_id'
            when 'shopify.customer' then 'shopify_customer_id'
            when 'klaviyo.person' then 'klaviyo_person_id'
            when 'zendesk.user' then 'zendesk_user_id'
            when 'partner.customers' then 'partner_record_id'
        end,
        record_id, person_no,
    from records
    where source <> 'shop'
    union
    select 'user_id', record_id, person_no from records where source = 'shopify'
    union
    select 'shopify_order_id', order_id(order_no), account_no from orders where not names_account
    union
    select 'anonymous_id', anonymous_id, person_no from visits inner join devices using (device_no) where person_no is not null
)

select identifier_type, identifier_value, visitor_id(person_no) as person_id
from observed
order by identifier_type, identifier_value, person_id
