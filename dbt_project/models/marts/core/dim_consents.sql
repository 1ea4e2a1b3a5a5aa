{{ config(meta={'clock': [{'column': 'expires_at'}]}) }}
{#
    grain: one row per (customer_id, purpose, channel); key: consent_id
    rebuild: full table
    why here: an unreadable decision blocks; else the latest refusal, unless a grant is later; a
        missing row means no consent
#}
with

consent_events as (

    select * from {{ ref('fct_consent_events') }}

),

reaches as (

    select * from {{ ref('int_consent__reaches') }}

),

contracts as (

    select * from {{ ref('int_consent__contracts') }}

),

customer_identifiers as (

    select * from {{ ref('int_identity__customer_identifiers') }}
    where customer_id is not null

),

purposes as (

    select * from {{ ref('purposes') }}

),

{# A refusal reaches all customers whose records name its identifier; a grant only the owner. #}
concerning as (

    select
        reaches.customer_id,
        consent_events.purpose,
        case consent_events.effect when 'holds' then 'unreadable' else 'no' end as standing,
        consent_events.decision,
        consent_events.source,
        consent_events.effective_at,
        consent_events.consent_event_id
    from consent_events
    inner join reaches
        on
            consent_events.identifier_type = reaches.identifier_type
            and consent_events.identifier_value = reaches.identifier_value
    where consent_events.effect in ('holds', 'refuses')

    union all

    select
        consent_events.customer_id,
        consent_events.purpose,
        case
            when consent_events.effect = 'nothing' then 'unusable'
            when purposes.double_opt_in and consent_events.decision <> 'confirmed' then 'unconfirmed'
            else 'yes'
        end as standing,
        consent_events.decision,
        consent_events.source,
        consent_events.effective_at,
        consent_events.consent_event_id
    from consent_events
    inner join purposes on consent_events.purpose = purposes.purpose
    where
        consent_events.customer_id is not null
        and (
            consent_events.effect = 'grants'
            or (consent_events.effect = 'nothing' and consent_events.unreadable_reason is not null)
        )

    union all

    select
        customer_identifiers.customer_id,
        purposes.purpose,
        'contract' as standing,
        'granted' as decision,
        contracts.source,
        contracts.contracted_at as effective_at,
        cast(null as {{ dbt.type_string() }}) as consent_event_id
    from contracts
    inner join customer_identifiers
        on
            contracts.identifier_type = customer_identifiers.identifier_type
            and contracts.identifier_value = customer_identifiers.identifier_value
    inner join purposes on purposes.legal_basis = 'contract'

),

{# The newest decision of each kind, and the oldest contract. #}
newest as (

    select
        *,
        row_number() over (
            partition by customer_id, purpose, standing
            order by
                case when standing = 'contract' then effective_at end asc,
                effective_at desc,
                source asc,
                consent_event_id asc
        ) as recency
    from concerning

),

compared as (

    select
        *,
        max(case when standing = 'no' then effective_at end) over (partition by customer_id, purpose) as refused_at,
        max(case when standing = 'yes' then effective_at end) over (partition by customer_id, purpose) as granted_at
    from newest
    where recency = 1

),

{# At equal times the refusal wins. For a purpose with another legal basis, a grant only revokes a
    refusal. #}
weighed as (

    select
        compared.customer_id,
        compared.purpose,
        purposes.channel,
        compared.standing,
        compared.decision,
        purposes.legal_basis as basis,
        compared.source,
        compared.effective_at,
        case
            when compared.standing = 'yes'
                then {{ dbt.dateadd('day', 'purposes.validity_days', 'compared.effective_at') }}
        end as expires_at,
        case
            when compared.standing = 'unreadable' then 0
            when compared.standing = 'no' and coalesce(compared.refused_at >= compared.granted_at, true) then 1
            when compared.standing = 'yes' and purposes.legal_basis = 'consent' then 2
            when compared.standing = 'contract' then 2
            when compared.standing = 'unconfirmed' then 3
            when compared.standing = 'unusable' then 4
        end as precedence
    from compared
    inner join purposes on compared.purpose = purposes.purpose

),

chosen as (

    select
        *,
        row_number() over (partition by customer_id, purpose order by precedence) as choice
    from weighed
    where precedence is not null

),

final as (

    select
        {{ md5_hex("concat(customer_id, ':', purpose, ':', channel)") }} as consent_id,
        customer_id,
        purpose,
        channel,
        case
            when standing in ('unreadable', 'unusable') then 'unreadable'
            when standing = 'unconfirmed' then 'unconfirmed'
            when standing = 'no' then decision
            when expires_at <= {{ as_of() }} then 'expired'
            else 'granted'
        end as status,
        basis,
        source,
        effective_at as decided_at,
        expires_at
    from chosen
    where choice = 1

)

select * from final
