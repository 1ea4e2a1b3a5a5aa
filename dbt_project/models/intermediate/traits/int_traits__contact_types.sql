{#
    grain: one row per e-mail address and phone that a current record or a decision names; key:
        (channel, contact_value)
    why here: what kind of mailbox or line it is, for customers and for their contact points
#}
with identifiers as (

    select
        identifier_type,
        identifier_value
    from {{ ref('int_identity__customer_identifiers') }}
    where identifier_type in ('email', 'phone')

    {# A decision of a person may give an address that no record has. #}
    union

    select
        'email' as identifier_type,
        email as identifier_value
    from {{ ref('int_traits__golden_customers') }}
    where email is not null

),

email_domains as (

    select * from {{ ref('email_domains') }}

),

{# Mailboxes that join nobody but stay addresses of their customer, as info@. #}
role_mailboxes as (

    select distinct value as mailbox
    from {{ ref('identifier_blocklist') }}
    where identifier_type = 'email' and match = 'local_part' and keep_as_attribute

),

{# One number may be typed as a landline and as a mobile phone: Argentina (cnf_lookups__phone_numbers).
    The lookup also has texts that no record has any more. #}
phone_types as (

    select
        numbers.phone_e164,
        max(numbers.phone_type) as phone_type
    from {{ ref('cnf_lookups__phone_numbers') }} as numbers
    inner join {{ ref('cnf_lookups__unparsed_values') }} as stated
        on numbers.phone_text = stated.value and stated.value_type = 'phone'
    where numbers.is_valid
    group by 1

),

final as (

    select
        case identifiers.identifier_type when 'email' then 'email' else 'sms' end as channel,
        identifiers.identifier_value as contact_value,
        case
            when identifiers.identifier_type = 'phone' then phone_types.phone_type
            when email_domains.kind = 'disposable' then 'disposable'
            when role_mailboxes.mailbox is not null then 'role'
            else coalesce(email_domains.kind, 'company')
        end as contact_type
    from identifiers
    left join email_domains
        on
            identifiers.identifier_type = 'email'
            and {{ dbt.split_part('identifiers.identifier_value', "'@'", 2) }} = email_domains.email_domain
    left join role_mailboxes
        on
            identifiers.identifier_type = 'email'
            and {{ dbt.split_part('identifiers.identifier_value', "'@'", 1) }} = role_mailboxes.mailbox
    left join phone_types
        on identifiers.identifier_type = 'phone' and identifiers.identifier_value = phone_types.phone_e164

)

select * from final
