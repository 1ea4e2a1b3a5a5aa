{{ config(materialized='view') }}
{#
    grain: one row per (decision_key, identifier) that somebody decided for
    rebuild: a view over staging
    why here: every source's way to say yes or no, in one shape; a decision counts for each identifier it was made with
#}
with

banner as (

    select * from {{ ref('stg_consent_banner__decisions') }}

),

banner_decisions as (

    {% for type, column in [('user_id', 'user_id'), ('email', 'email'), ('anonymous_id', 'anonymous_id')] %}
        select
            'consent_banner:' || decision_id as decision_key,
            'consent_banner' as source,
            '{{ type }}' as identifier_type,
            {{ column }} as identifier_value,
            purpose,
            channel,
            case
                when decision in ('granted', 'denied', 'withdrawn') then decision else 'denied'
            end as decision,
            decided_at
        from banner
        where {{ column }} is not null
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

),

{% for source in ['shopify', 'shopify_graphql'] %}
    {# A no counts where the shop knows when it was said; a box that was never ticked says nothing. #}
    {{ source }}_decisions as (

        {% for channel, key in [('email', ''), ('sms', ':sms')] %}
            select
                '{{ source }}:' || shopify_customer_id || '{{ key }}' as decision_key,
                '{{ source }}' as source,
                'shopify_customer_id' as identifier_type,
                shopify_customer_id as identifier_value,
                '{{ channel }}_marketing' as purpose,
                '{{ channel }}' as channel,
                case when {{ channel }}_marketing_status = 'subscribed' then 'granted' else 'denied' end
                    as decision,
                coalesce({{ channel }}_marketing_updated_at, updated_at, created_at, loaded_at)
                    as decided_at
            from {{ ref('stg_' ~ source ~ '__customers') }}
            where
                is_current
                and not coalesce(is_deleted, false)
                and (
                    {{ channel }}_marketing_status = 'subscribed'
                    or (
                        {{ channel }}_marketing_status = 'not_subscribed'
                        and {{ channel }}_marketing_updated_at is not null
                    )
                )
            {% if not loop.last %}

                union all

            {% endif %}
        {% endfor %}

    ),

{% endfor %}
{# What a person said in a message, by the metrics that message_metrics calls unsubscribed. #}
klaviyo_decisions as (

    select
        'klaviyo:' || events.message_event_id as decision_key,
        'klaviyo' as source,
        'klaviyo_person_id' as identifier_type,
        events.person_id as identifier_value,
        message_metrics.channel || '_marketing' as purpose,
        message_metrics.channel,
        'withdrawn' as decision,
        events.occurred_at as decided_at
    from {{ ref('stg_klaviyo__events') }} as events
    inner join {{ ref('stg_klaviyo__metrics') }} as metrics on events.metric_id = metrics.metric_id
    inner join {{ ref('message_metrics') }} as message_metrics
        on metrics.metric_name = message_metrics.metric_name
    where
        events.is_current
        and not events.is_deleted
        and events.person_id is not null
        and metrics.is_current
        and message_metrics.message_event = 'unsubscribed'

),

{# What a profile holds: a suppression by somebody's wish ends a subscription, whatever the profile says beside it. #}
klaviyo_profile_decisions as (

    select
        'klaviyo:email:' || person_id as decision_key,
        'klaviyo' as source,
        'klaviyo_person_id' as identifier_type,
        person_id as identifier_value,
        'email_marketing' as purpose,
        'email' as channel,
        case
            when email_marketing_status = 'subscribed' and not is_email_suppressed then 'granted'
            else 'withdrawn'
        end as decision,
        coalesce(
            case
                when is_email_suppressed then greatest(email_suppressed_at, email_marketing_updated_at)
                else email_marketing_updated_at
            end,
            updated_at,
            loaded_at
        ) as decided_at
    from {{ ref('stg_klaviyo__persons') }}
    where
        is_current
        and not is_deleted
        and (email_marketing_status in ('subscribed', 'unsubscribed') or is_email_suppressed)

    union all

    select
        'klaviyo:sms:' || person_id as decision_key,
        'klaviyo' as source,
        'klaviyo_person_id' as identifier_type,
        person_id as identifier_value,
        'sms_marketing' as purpose,
        'sms' as channel,
        case when sms_marketing_status = 'subscribed' then 'granted' else 'withdrawn' end as decision,
        coalesce(sms_marketing_updated_at, updated_at, loaded_at) as decided_at
    from {{ ref('stg_klaviyo__persons') }}
    where is_current and not is_deleted and sms_marketing_status in ('subscribed', 'unsubscribed')

),

{% for source, id_type in [
    ('hubspot', 'hubspot_contact_id'),
    ('hubspot_fivetran', 'hubspot_contact_id'),
    ('salesforce', 'salesforce_contact_id'),
] %}
    {{ source }}_decisions as (

        select
            '{{ source }}:' || contact_id as decision_key,
            '{{ source }}' as source,
            '{{ id_type }}' as identifier_type,
            contact_id as identifier_value,
            'email_marketing' as purpose,
            'email' as channel,
            'withdrawn' as decision,
            coalesce(updated_at, created_at, loaded_at) as decided_at
        from {{ ref('stg_' ~ source ~ '__contacts') }}
        where is_current and not coalesce(is_deleted, false) and has_opted_out_of_email

    ),

{% endfor %}
final as (

    select * from banner_decisions

    {% for source in [
        'shopify', 'shopify_graphql', 'klaviyo', 'klaviyo_profile', 'hubspot', 'hubspot_fivetran', 'salesforce'
    ] %}
        union all

        select * from {{ source }}_decisions

    {% endfor %}

)

select * from final
