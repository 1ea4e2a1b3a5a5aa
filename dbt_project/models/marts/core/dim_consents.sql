{#
    grain: one row per (customer_id, purpose, channel); key: consent_id
    rebuild: full table
    why here: latest decision per identifier, then the most restrictive of the customer's identifiers; unknown has no row, and is no
#}
with

decisions as (

    select * from {{ ref('int_consent__decisions') }}

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

{# A yes from the future is none yet; a no counts from when it is known. #}
latest as (

    select
        decisions.*,
        row_number() over (
            partition by
                decisions.identifier_type,
                decisions.identifier_value,
                decisions.purpose,
                decisions.channel
            order by
                decisions.decided_at desc,
                case when decisions.decision = 'granted' then 1 else 0 end,
                decisions.decision_key asc
        ) as recency
    from decisions
    where decisions.decision <> 'granted' or decisions.decided_at <= {{ as_of() }}

),

dated as (

    select
        customer_identifiers.customer_id,
        purposes.purpose,
        purposes.channel,
        latest.decision,
        latest.source,
        latest.decided_at,
        purposes.legal_basis as basis,
        case
            when latest.decision = 'granted'
                then {{ dbt.dateadd('day', 'purposes.validity_days', 'latest.decided_at') }}
        end as expires_at,
        latest.decision_key
    from latest
    inner join purposes
        on
            latest.purpose = purposes.purpose
            and coalesce(latest.channel, purposes.channel) = purposes.channel
    inner join customer_identifiers
        on
            latest.identifier_type = customer_identifiers.identifier_type
            and latest.identifier_value = customer_identifiers.identifier_value
    where latest.recency = 1 and purposes.legal_basis = 'consent'

),

judged as (

    select
        customer_id,
        purpose,
        channel,
        case
            when decision = 'granted' and expires_at <= {{ as_of() }} then 'expired' else decision
        end
            as status,
        basis,
        source,
        decided_at,
        expires_at,
        decision_key
    from dated

),

ranked as (

    select
        *,
        row_number() over (
            partition by customer_id, purpose, channel
            order by
                case status
                    when 'withdrawn' then 0 when 'denied' then 0 when 'granted' then 1 else 2
                end,
                decided_at desc,
                decision_key asc
        ) as choice
    from judged

),

under_contract as (

    select
        customer_identifiers.customer_id,
        purposes.purpose,
        purposes.channel,
        'granted' as status,
        purposes.legal_basis as basis,
        contracts.source,
        contracts.contracted_at as decided_at,
        cast(null as timestamp) as expires_at,
        row_number() over (
            partition by customer_identifiers.customer_id, purposes.purpose, purposes.channel
            order by contracts.contracted_at, contracts.source
        ) as choice
    from contracts
    inner join customer_identifiers
        on
            contracts.identifier_type = customer_identifiers.identifier_type
            and contracts.identifier_value = customer_identifiers.identifier_value
    inner join purposes on purposes.legal_basis = 'contract'

),

united as (

    select
        customer_id,
        purpose,
        channel,
        status,
        basis,
        source,
        decided_at,
        expires_at
    from ranked
    where choice = 1

    union all

    select
        customer_id,
        purpose,
        channel,
        status,
        basis,
        source,
        decided_at,
        expires_at
    from under_contract
    where choice = 1

),

final as (

    select
        {{ md5_hex("concat(customer_id, ':', purpose, ':', channel)") }} as consent_id,
        customer_id,
        purpose,
        channel,
        status,
        basis,
        source,
        decided_at,
        expires_at
    from united

)

select * from final
