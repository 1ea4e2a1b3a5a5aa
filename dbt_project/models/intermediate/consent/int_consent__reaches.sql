{{ config(materialized='changed_rows') }}
{#
    grain: one row per (identifier_type, identifier_value, customer_id) that a refusal with this
        identifier reaches
    rebuild: full table
    why here: a refusal counts for the customer who owns its identifier, and for customers whose own
        records name it although it belongs to no or another customer (a shared phone, a role
        mailbox, a refused edge); a national phone number counts for all numbers that end with it
#}
with

decisions as (

    select * from {{ ref('int_consent__decisions') }}

),

meanings as (

    select * from {{ ref('int_consent__meanings') }}

),

customer_identifiers as (

    select * from {{ ref('int_identity__customer_identifiers') }}

),

observations as (

    select * from {{ ref('int_identity__observations') }}

),

blocked as (

    select
        identifier_type,
        identifier_value
    from customer_identifiers
    where identifier_status = 'blocked' and identifier_type not in ('email', 'phone')

),

refusing_words as (

    select distinct
        source,
        decision_word,
        purpose_word,
        channel_word
    from meanings
    where coalesce(decision, 'denied') not in ('granted', 'confirmed', 'pending', 'none')

),

{# A text that cannot be parsed counts as a possible refusal, whatever its words. #}
refusing as (

    select distinct
        decisions.identifier_type,
        decisions.identifier_value
    from decisions
    left join refusing_words
        on
            decisions.source = refusing_words.source
            and decisions.decision_word = refusing_words.decision_word
            and decisions.purpose_word = refusing_words.purpose_word
            and decisions.channel_word = refusing_words.channel_word
    where
        decisions.identifier_value is not null
        and (refusing_words.source is not null or not decisions.is_parsed)

),

national_numbers as (

    select
        identifier_value,
        right(identifier_value, 7) as last_digits
    from refusing
    where identifier_type = 'phone' and substr(identifier_value, 1, 1) <> '+'

),

{# Identifiers of refusals, and the identifiers of records that they may mean. #}
meant as (

    select
        identifier_type,
        identifier_value,
        identifier_value as meant_value
    from refusing

    union all

    select
        customer_identifiers.identifier_type,
        national_numbers.identifier_value,
        customer_identifiers.identifier_value as meant_value
    from national_numbers
    inner join customer_identifiers
        on
            customer_identifiers.identifier_type = 'phone'
            and national_numbers.last_digits = right(customer_identifiers.identifier_value, 7)
            and right(customer_identifiers.identifier_value, length(national_numbers.identifier_value))
            = national_numbers.identifier_value

),

owners as (

    select
        meant.identifier_type,
        meant.identifier_value,
        customer_identifiers.customer_id
    from meant
    inner join customer_identifiers
        on
            meant.identifier_type = customer_identifiers.identifier_type
            and meant.meant_value = customer_identifiers.identifier_value

),

{# A placeholder ("null", "undefined") identifies no person. #}
namers as (

    select
        meant.identifier_type,
        meant.identifier_value,
        customer_identifiers.customer_id
    from meant
    inner join observations
        on
            meant.identifier_type = observations.identifier_type
            and meant.meant_value = observations.identifier_value
    inner join customer_identifiers
        on
            observations.own_type = customer_identifiers.identifier_type
            and observations.own_value = customer_identifiers.identifier_value
    left join blocked
        on
            meant.identifier_type = blocked.identifier_type
            and meant.meant_value = blocked.identifier_value
    where blocked.identifier_value is null

),

{# A decision with a phone beside an account or an address also shows whose phone it is. Identity
    resolution does not use this. #}
named_in_decisions as (

    select
        meant.identifier_type,
        meant.identifier_value,
        customer_identifiers.customer_id
    from meant
    inner join decisions as phones
        on meant.identifier_type = phones.identifier_type and meant.meant_value = phones.identifier_value
    inner join decisions as others
        on phones.decision_key = others.decision_key and others.identifier_type <> 'phone'
    inner join customer_identifiers
        on
            others.identifier_type = customer_identifiers.identifier_type
            and others.identifier_value = customer_identifiers.identifier_value
    where meant.identifier_type = 'phone' and phones.quarantine_id is null

),

united as (

    select * from owners

    union all

    select * from named_in_decisions

    union all

    select * from namers

),

final as (

    select distinct
        identifier_type,
        identifier_value,
        customer_id
    from united
    where customer_id is not null

)

select * from final
