{{ config(materialized='changed_rows') }}
{#
    grain: one row per event of a message (sent, opened, clicked, ...); key: message_event_id
    why here: every sending tool's message events in one shape; customer_id is joined in the marts.
        Whether a machine did it, and whether a bounce is final, is decided once, for all tools
#}
{% set seconds = bounded_var('machine_click_seconds', 10, 0, 60) %}
with messages as (

    {{ union_concept('messages') }}

),

fragments as (

    select
        fragment,
        false as is_exception
    from {{ ref('machine_mail_clients') }}

    union all

    select
        fragment,
        is_exception
    from {{ ref('bot_user_agents') }}

),

{# The clients are few: each is compared with the fragments once. #}
clients as (

    select distinct lower(concat_ws(' ', client_name, user_agent)) as client
    from messages
    where client_name is not null or user_agent is not null

),

machines as (

    select clients.client
    from clients
    inner join fragments on clients.client like '%' || fragments.fragment || '%'
    group by 1
    having max(case when fragments.is_exception then 1 else 0 end) = 0

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

{#
    A scanner follows the links of an e-mail as it arrives, which the sending tool may record just
    before or just after the delivery.
#}
timed as (

    select
        *,
        max(case when message_event in ('sent', 'delivered') then occurred_at end)
            over (
                partition by source, identifier_type, identifier_value, message_id
                order by occurred_at
                range between unbounded preceding and current row
            ) as delivered_before_at,
        min(case when message_event in ('sent', 'delivered') then occurred_at end)
            over (
                partition by source, identifier_type, identifier_value, message_id
                order by occurred_at
                range between current row and unbounded following
            ) as delivered_after_at
    from messages

),

final as (

    select
        messages.message_event_id,
        identifiers.identifier_no,
        messages.source,
        messages.channel,
        messages.message_event,
        messages.missing_columns,
        messages.campaign_name,
        messages.flow_name,
        messages.subject,
        case
            when messages.message_event = 'bounced'
                then {{ bounce_type('messages.bounce_type', 'messages.bounce_reason') }}
        end as bounce_type,
        case when messages.message_event = 'bounced' then messages.bounce_reason end
            as bounce_reason,
        -- An unsubscription counts, whoever followed its link.
        coalesce(messages.message_event in ('opened', 'clicked'), false)
        and (
            coalesce(messages.is_machine, false)
            or machines.client is not null
            -- Apple's mail proxy says no more than this; no program that people use does.
            or coalesce(trim(messages.user_agent) = 'Mozilla/5.0', false)
            or (
                coalesce(messages.message_event = 'clicked' and messages.channel = 'email', false)
                and messages.message_id is not null
                and (
                    coalesce(
                        messages.occurred_at
                        <= {{ dbt.dateadd('second', seconds, 'messages.delivered_before_at') }},
                        false
                    )
                    or coalesce(
                        messages.occurred_at
                        >= {{ dbt.dateadd('second', -seconds, 'messages.delivered_after_at') }},
                        false
                    )
                )
            )
        ) as is_machine,
        messages.occurred_at,
        messages.loaded_at
    from timed as messages
    left join machines
        on lower(concat_ws(' ', messages.client_name, messages.user_agent)) = machines.client
    left join identifiers
        on
            messages.identifier_type = identifiers.identifier_type
            and messages.identifier_value = identifiers.identifier_value

)

select * from final
