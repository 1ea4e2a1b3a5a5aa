{{ config(meta={'clock': [{'column': 'decided_at'}]}) }}
{#
    grain: one row per decision, identifier, purpose and channel; key: consent_event_id
    rebuild: full table
    why here: the input of dim_consents, with decisions that have no customer yet; a decision
        without identifiers has rows too
#}
{%- set key = "concat_ws('|', judged.decision_key, judged.identifier_type, judged.identifier_value, judged.purpose)" %}
with

decisions as (

    select * from {{ ref('int_consent__decisions') }}

),

meanings as (

    select * from {{ ref('int_consent__meanings') }}

),

customer_identifiers as (

    select * from {{ ref('int_identity__customer_identifiers') }}
    where customer_id is not null

),

reaches as (

    select
        identifier_type,
        identifier_value,
        count(*) as customer_count
    from {{ ref('int_consent__reaches') }}
    group by 1, 2

),

{# A date before 2000 is the zero of some calendar and counts as no date. #}
dated as (

    select
        decision_key,
        source,
        entity,
        record_key,
        quarantine_id,
        word_field,
        identifier_type,
        identifier_value,
        decision_word,
        purpose_word,
        channel_word,
        is_exact,
        case when decided_at >= cast('2000-01-01' as timestamp) then decided_at end as decided_at,
        arrived_at
    from decisions

),

{# A date up to a day after the arrival counts (a fast clock); a later one is wrong, and the arrival
    counts instead. #}
understood as (

    select
        dated.*,
        meanings.purpose,
        meanings.channel,
        meanings.decision,
        case
            when dated.decided_at <= {{ dbt.dateadd('day', 1, 'dated.arrived_at') }} then dated.decided_at
            else dated.arrived_at
        end as effective_at,
        meanings.decision in ('granted', 'confirmed') as is_yes,
        case
            when meanings.decision in ('pending', 'none') then null
            when dated.quarantine_id is not null then 'quarantined'
            when meanings.unreadable_reason is not null then meanings.unreadable_reason
            when meanings.decision in ('granted', 'confirmed') and dated.decided_at is null then 'date'
        end as unreadable_reason
    from dated
    inner join meanings
        on
            dated.source = meanings.source
            and dated.decision_word = meanings.decision_word
            and dated.purpose_word = meanings.purpose_word
            and dated.channel_word = meanings.channel_word

),

judged as (

    select
        *,
        case
            when decision in ('pending', 'none') then 'nothing'
            when is_yes and (unreadable_reason is not null or decided_at > {{ as_of() }}) then 'nothing'
            when is_yes then 'grants'
            when unreadable_reason is not null then 'holds'
            else 'refuses'
        end as effect
    from understood
    {# Further identifiers in a grant may belong to another person. #}
    where is_exact or identifier_type is null or not coalesce(is_yes, false)

),

final as (

    select
        {{ md5_hex(key) }} as consent_event_id,
        customer_identifiers.customer_id,
        judged.source,
        judged.entity,
        judged.record_key,
        judged.quarantine_id,
        judged.identifier_type,
        judged.identifier_value,
        judged.purpose,
        judged.channel,
        coalesce(judged.decision, 'unknown') as decision,
        judged.effect,
        judged.unreadable_reason,
        judged.word_field as decision_field,
        cast(
            case
                when judged.effect in ('refuses', 'holds') then coalesce(reaches.customer_count, 0)
                when judged.effect = 'grants' and customer_identifiers.customer_id is not null then 1
                else 0
            end as bigint
        ) as customers_reached_count,
        judged.decided_at,
        judged.effective_at,
        judged.arrived_at
    from judged
    left join customer_identifiers
        on
            judged.identifier_type = customer_identifiers.identifier_type
            and judged.identifier_value = customer_identifiers.identifier_value
    left join reaches
        on
            judged.identifier_type = reaches.identifier_type
            and judged.identifier_value = reaches.identifier_value

)

select * from final
