-- What went wrong where; kinds are the names of the rates. What lies in a life (a marriage, a move, a foreign script) stands with every
-- record of the person, what lies in a cookie under segment.anonymous_id, and a number that changed hands under person.phone.
with shown as (
    select * from records where source <> 'shop'
    union all
    -- What a guest typed shows in the orders.
    select records.* replace ('shopify' as source, 'order' as entity, order_id(orders.order_no) as record_id)
    from records
    inner join orders on orders.account_no = records.person_no
    where records.source = 'shop'
),

spoiled as (
    select unnest([
        if(is_typo, 'typos', null), if(is_nickname, 'nicknames', null), if(is_accents_lost, 'accents_lost', null), if(is_non_latin_name, 'non_latin_names', null),
        if(is_changed_surname, 'changed_surnames', null), if(is_changed_address, 'changed_addresses', null), if(is_second_email, 'several_emails', null),
        if(is_family_phone, 'shared_family_phones', null), if(is_role_mailbox, 'role_mailboxes', null), if(is_placeholder, 'placeholders', null),
        if(is_deleted_at_source, 'deleted_records', null), if(source = 'hubspot' and ordinal = 2, 'crm_duplicates', null)
    ]) as kind, source, entity, record_id, person_no,
    from shown
    union all
    select 'crm_merges', 'hubspot', 'contacts', loser_id, person_no from crm_merges
    union all
    select 'recycled_phones', 'person', 'phone', phone, unnest([former_person_no, later_person_no]) from recycled_phones
    union all
    select distinct
        case kind when 2 then 'shared_tablets' when 3 then 'kiosk_visits' when 4 then 'employees' else 'bots' end,
        'segment', 'anonymous_id', anonymous_id, person_no,
    from visits
    inner join devices using (device_no)
    where kind in (2, 3, 4, 5)
    union all
    select 'clock_skew', 'segment', 'anonymous_id', anonymous_id, null from devices where skew_seconds <> 0
    union all
    select 'late_events', 'segment', call.entity, message_id(call.kind, event_no), person_no
    from web_events
    inner join (values ('pages', 'page', [1, 3, 4, 6, 8, 9]), ('tracks', 'track', [2, 4, 5, 8, 9]), ('identifies', 'identify', [2, 7])) as call (entity, kind, steps)
        on list_contains(call.steps, web_events.step)
    where is_late
    union all
    select 'duplicate_events', 'segment', 'pages', message_id, person_no from deliveries('page', [1, 3, 4, 6, 8, 9]) where is_second
    union all
    select 'duplicate_events', 'segment', 'tracks', message_id, person_no from deliveries('track', [2, 4, 5, 8, 9]) where is_second
    union all
    select 'duplicate_events', 'segment', 'identifies', message_id, person_no from deliveries('identify', [2, 7]) where is_second
    union all
    select 'foreign_orders', 'shopify', 'order', order_id(order_no), account_no from orders where is_foreign
)

select kind, source, entity, record_id, visitor_id(person_no) as person_id
from spoiled
where kind is not null
order by kind, source, entity, record_id, person_id
