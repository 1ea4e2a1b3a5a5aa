{#
    grain: one row per (decision_key, identifier_type, identifier_value) of a record that states a
        consent
    rebuild: full table
    why here: the lookup of phones reads it too; as a table, events are scanned once
#}
{#- Suppression overrides the status. A deleted profile grants nothing; its refusals stay. -#}
{%- set statements = [
    {
        'name': 'email', 'field': 'email_consent', 'purpose': "'email_marketing'", 'channel': "'email'",
        'decision': "case when is_email_suppressed then 'suppressed'"
            ~ " when is_deleted and email_marketing_status = 'subscribed' then 'none' else email_marketing_status end",
        'decided_at': "case when is_email_suppressed then greatest(email_suppressed_at, email_marketing_updated_at)"
            ~ " when email_marketing_status = 'subscribed' then email_marketing_consented_at"
            ~ " else email_marketing_updated_at end",
    },
    {
        'name': 'sms', 'field': 'sms_consent', 'purpose': "'sms_marketing'", 'channel': "'sms'",
        'decision': "case when is_deleted and sms_marketing_status = 'subscribed' then 'none'"
            ~ " else sms_marketing_status end",
        'decided_at': "case when sms_marketing_status = 'subscribed' then sms_marketing_consented_at"
            ~ " else sms_marketing_updated_at end",
    },
] -%}
{%- set suppressions = json_of_quarantine(
    ['$.email_suppressions', '$.attributes.subscriptions.email.marketing.suppression']
) -%}
{%- set quarantined = [
    dict(statements[0], decision="case when " ~ suppressions ~ " not in ('[]', '{}', 'null') then 'suppressed' else "
        ~ json_of_quarantine(['$.email_consent', '$.attributes.subscriptions.email.marketing.consent']) ~ " end"),
    dict(statements[1], decision=json_of_quarantine(
        ['$.sms_consent', '$.attributes.subscriptions.sms.marketing.consent']
    )),
] -%}
{#- Decisions from message events (unsubscribed, complained, bounced), by seed message_metrics. -#}
{%- set said = "('unsubscribed', 'complained', 'bounced')" -%}
{%- set event = {
    'name': 'event', 'field': 'metric_id', 'decision': 'message_event', 'purpose': "channel || '_marketing'",
    'channel': 'channel', 'decided_at': 'occurred_at',
} -%}
with

persons as (

    select * from {{ ref('stg_klaviyo__persons') }}
    where is_current

),

metrics as (

    select
        metrics.metric_id,
        message_metrics.channel,
        message_metrics.message_event
    from {{ ref('stg_klaviyo__metrics') }} as metrics
    inner join {{ ref('message_metrics') }} as message_metrics on metrics.metric_name = message_metrics.metric_name
    where metrics.is_current and message_metrics.message_event in {{ said }}

),

events as (

    select
        events.message_event_id,
        events.person_id,
        metrics.channel,
        {# A full mailbox or a server that is down says nothing about the receiver's will. #}
        case
            when
                metrics.message_event = 'bounced'
                and {{ bounce_type('events.bounce_type', 'events.bounce_reason') }} = 'soft'
                then 'soft_bounce'
            else metrics.message_event
        end as message_event,
        events.occurred_at,
        events.loaded_at
    from {{ ref('stg_klaviyo__events') }} as events
    inner join metrics on events.metric_id = metrics.metric_id
    where events.is_current and not events.is_deleted and events.person_id is not null

),

quarantined_events as (

    select
        records.*,
        {{ json_of_quarantine(['$.person_id', '$.relationships.profile.data.id']) }} as person_id,
        {{ json_of_quarantine(['$.metric_id', '$.relationships.metric.data.id']) }} as metric_id
    from {{ ref('stg_quarantine__consent_records') }} as records
    where records.source = 'klaviyo' and records.entity = 'event'

),

quarantined_identifiers as (

    select
        quarantine_id,
        'klaviyo_person_id' as identifier_type,
        person_id as identifier_value
    from quarantined_events
    where person_id is not null

    union

    select
        quarantine_id,
        identifier_type,
        identifier_value
    from {{ ref('cnf_quarantine__identifiers') }}

),

repaired_events as (

    select quarantined_events.quarantine_id
    from quarantined_events
    inner join {{ ref('stg_klaviyo__events') }} as landed
        on
            {{ json_of_quarantine(['$.id']) }} = landed.message_event_id
            and quarantined_events.quarantined_at < landed.loaded_at

),

stated as (

    {{ state_consents('klaviyo', 'person', 'persons', 'person_id', statements, [
        ['klaviyo_person_id', 'person_id'], ['email', 'email'], ['phone', 'phone'],
    ]) }}

    union all

    {{ state_consents(
        'klaviyo', 'event', 'events', 'message_event_id', [event], [['klaviyo_person_id', 'person_id']]
    ) }}

),

refused as (

    {{ quarantined_consents(
        'klaviyo', 'person', ['$.id'], ref('stg_klaviyo__persons'), 'person_id',
        'klaviyo_person_id', quarantined
    ) }}

    union all

    select
        'quarantine:' || quarantined_events.quarantine_id as decision_key,
        'event' as entity,
        {{ json_of_quarantine(['$.id']) }} as record_key,
        quarantined_events.quarantine_id,
        'metric_id' as word_field,
        case
            when quarantined_events.metric_id is not null then coalesce(metrics.message_event, 'none')
        end as decision_word,
        {# A message event concerns messages only. #}
        coalesce(metrics.channel || '_marketing', 'messages') as purpose_word,
        metrics.channel as channel_word,
        quarantined_identifiers.identifier_type,
        quarantined_identifiers.identifier_value,
        cast(null as {{ dbt.type_string() }}) as fallback_value,
        false as is_exact,
        quarantined_events.is_parsed,
        cast(null as timestamp) as decided_at,
        quarantined_events.quarantined_at as arrived_at
    from quarantined_events
    left join metrics on quarantined_events.metric_id = metrics.metric_id
    left join quarantined_identifiers on quarantined_events.quarantine_id = quarantined_identifiers.quarantine_id
    left join repaired_events on quarantined_events.quarantine_id = repaired_events.quarantine_id
    where repaired_events.quarantine_id is null

),

final as (

    select * from stated

    union all

    select * from refused

)

select * from final
