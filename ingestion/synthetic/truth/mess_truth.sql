-- Data problems by record. Kinds have the names of their rates. Problems of a person (a marriage, a
-- move, a foreign script) are listed with every record of the person, those of a cookie under
-- segment.anonymous_id, and a phone number that changed its holder under person.phone. One select
-- per kind instead of an unnest of a list: DuckDB 2.0 fails on that in large worlds.
with shown as (
    select * from records where source <> 'shop'
    union all
    -- What a guest typed is in the orders.
    select records.* replace (
        'shopify' as source, 'order' as entity, order_id(orders.order_no) as record_id
    )
    from records
    inner join orders on orders.account_no = records.person_no
    where records.source = 'shop'
),

spoiled as (
    select 'typos' as kind, source, entity, record_id, person_no from shown where is_typo
    union all
    select 'nicknames', source, entity, record_id, person_no from shown where is_nickname
    union all
    select 'accents_lost', source, entity, record_id, person_no from shown where is_accents_lost
    union all
    select 'non_latin_names', source, entity, record_id, person_no from shown where is_non_latin_name
    union all
    select 'changed_surnames', source, entity, record_id, person_no
    from shown
    where is_changed_surname
    union all
    select 'changed_addresses', source, entity, record_id, person_no
    from shown
    where is_changed_address
    union all
    select 'several_emails', source, entity, record_id, person_no from shown where is_second_email
    union all
    select 'shared_family_phones', source, entity, record_id, person_no
    from shown
    where is_family_phone
    union all
    select 'role_mailboxes', source, entity, record_id, person_no from shown where is_role_mailbox
    union all
    select 'placeholders', source, entity, record_id, person_no from shown where is_placeholder
    union all
    select 'deleted_records', source, entity, record_id, person_no
    from shown
    where is_deleted_at_source
    union all
    select 'crm_duplicates', source, entity, record_id, person_no
    from shown
    where source = 'hubspot' and ordinal = 2
    union all
    select 'crm_merges', 'hubspot', 'contacts', loser_id, person_no from crm_merges
    union all
    select 'recycled_phones', 'person', 'phone', phone, former_person_no from recycled_phones
    union all
    select 'recycled_phones', 'person', 'phone', phone, later_person_no from recycled_phones
    union all
    select distinct
        case kind
            when 2 then 'shared_tablets'
            when 3 then 'kiosk_visits'
            when 4 then 'employees'
            else 'bots'
        end,
        'segment',
        'anonymous_id',
        anonymous_id,
        person_no,
    from visits
    inner join devices using (device_no)
    where kind in (2, 3, 4, 5)
    union all
    select 'clock_skew', 'segment', 'anonymous_id', anonymous_id, null
    from devices
    where skew_seconds <> 0
    union all
    select 'late_events', 'segment', 'pages', message_id('page', event_no), person_no
    from web_events
    where is_late and step in (1, 3, 4, 6, 8, 9)
    union all
    select 'late_events', 'segment', 'tracks', message_id('track', event_no), person_no
    from web_events
    where is_late and step in (2, 4, 5, 8, 9)
    union all
    select 'late_events', 'segment', 'identifies', message_id('identify', event_no), person_no
    from web_events
    where is_late and step in (2, 7)
    union all
    select 'duplicate_events', 'segment', 'pages', message_id, person_no
    from deliveries('page', [1, 3, 4, 6, 8, 9])
    where is_second
    union all
    select 'duplicate_events', 'segment', 'tracks', message_id, person_no
    from deliveries('track', [2, 4, 5, 8, 9])
    where is_second
    union all
    select 'duplicate_events', 'segment', 'identifies', message_id, person_no
    from deliveries('identify', [2, 7])
    where is_second
    union all
    select 'foreign_orders', 'shopify', 'order', order_id(order_no), account_no
    from orders
    where is_foreign
)

select kind, source, entity, record_id, visitor_id(person_no) as person_id
from spoiled
order by kind, source, entity, record_id, person_id
