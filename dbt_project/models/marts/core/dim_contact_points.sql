{#
    grain: one row per e-mail address and phone of a customer; key: contact_point_id
    why here: whether a message reaches the customer: the address is valid, did not bounce, did not
        complain, a number can get text messages, and the customer consented to the channel
#}
with customer_identifiers as (

    select * from {{ ref('int_identity__customer_identifiers') }}
    where
        customer_id is not null
        and identifier_type in ('email', 'phone')
        and identifier_status in ('usable', 'shared')

),

contact_events as (

    select * from {{ ref('int_traits__contact_events') }}

),

contact_types as (

    select * from {{ ref('int_traits__contact_types') }}

),

golden as (

    select
        customer_id,
        email,
        phone
    from {{ ref('int_traits__golden_customers') }}

),

consents as (

    select distinct
        customer_id,
        channel
    from {{ ref('dim_consents') }}
    where status = 'granted' and channel in ('email', 'sms')

),

contacts as (

    select
        *,
        case identifier_type when 'email' then 'email' else 'sms' end as channel
    from customer_identifiers

),

judged as (

    select
        contacts.customer_id,
        contacts.channel,
        contacts.identifier_value as contact_value,
        contacts.identifier_value in (golden.email, golden.phone) as is_golden,
        case
            when contact_events.last_complained_at is not null then 'complained'
            when
                contact_events.last_bounced_at > contact_events.last_reached_at
                or (contact_events.last_bounced_at is not null and contact_events.last_reached_at is null)
                then 'bounced'
            when contacts.identifier_status = 'shared' then 'shared'
            else 'valid'
        end as status,
        consents.customer_id is not null as is_consented,
        contact_types.contact_type,
        -- Where a region does not distinguish landlines, and where the kind is unknown, a message is tried.
        contacts.channel = 'email'
        or coalesce(contact_types.contact_type, 'other') in ('mobile', 'fixed_line_or_mobile', 'other')
            as can_receive,
        contact_events.last_bounced_at,
        contact_events.last_complained_at,
        contact_events.last_reached_at,
        contacts.first_seen_at,
        contacts.last_seen_at
    from contacts
    inner join golden on contacts.customer_id = golden.customer_id
    left join contact_events
        on contacts.channel = contact_events.channel and contacts.identifier_value = contact_events.contact_value
    left join contact_types
        on contacts.channel = contact_types.channel and contacts.identifier_value = contact_types.contact_value
    left join consents on contacts.customer_id = consents.customer_id and contacts.channel = consents.channel

),

final as (

    select
        {{ md5_hex("concat(customer_id, ':', channel, ':', contact_value)") }} as contact_point_id,
        customer_id,
        channel,
        contact_value,
        coalesce(is_golden, false) as is_golden,
        status,
        case when channel = 'email' then contact_type end as email_type,
        case when channel = 'sms' then contact_type end as phone_type,
        is_consented,
        status in ('valid', 'shared') and can_receive and is_consented as is_reachable,
        last_bounced_at,
        last_complained_at,
        last_reached_at,
        first_seen_at,
        last_seen_at
    from judged

)

select * from final
