{#
    grain: one row per e-mail address or phone that a message was about; key: (channel,
        contact_value)
    why here: a message is sent to a profile of the sending tool, and bounces at the address that the
        profile has
#}
with messages as (

    select * from {{ ref('int_messages__events') }}
    where identifier_no is not null and channel in ('email', 'sms')

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

attributes as (

    select distinct
        identifier_type,
        identifier_value,
        case attribute when 'email' then 'email' else 'sms' end as channel,
        value
    from {{ ref('int_identity__attributes') }}
    where attribute in ('email', 'phone', 'mobile_phone')

),

{# A soft bounce leaves an address usable; a bounce of unknown type counts as hard. #}
gathered as (

    select
        identifier_no,
        channel,
        max(
            case
                when message_event = 'bounced' and coalesce(bounce_type, 'hard') <> 'soft'
                    then occurred_at
            end
        ) as last_bounced_at,
        max(case when message_event = 'complained' then occurred_at end) as last_complained_at,
        max(case when message_event in ('delivered', 'opened', 'clicked') then occurred_at end) as last_reached_at
    from messages
    group by 1, 2

),

addressed as (

    select
        gathered.*,
        case
            when identifiers.identifier_type in ('email', 'phone') then identifiers.identifier_value
            else attributes.value
        end as contact_value
    from gathered
    inner join identifiers on gathered.identifier_no = identifiers.identifier_no
    left join attributes
        on
            identifiers.identifier_type = attributes.identifier_type
            and identifiers.identifier_value = attributes.identifier_value
            and gathered.channel = attributes.channel

),

final as (

    select
        channel,
        contact_value,
        max(last_bounced_at) as last_bounced_at,
        max(last_complained_at) as last_complained_at,
        max(last_reached_at) as last_reached_at
    from addressed
    where contact_value is not null
    group by 1, 2

)

select * from final
