{#
    grain: one row per (decision_key, identifier_type, identifier_value) of a record that states a
        consent
    rebuild: full table
    why here: as a view, the engine plans it in each reader for longer than it runs
#}
{#- not_subscribed is a refusal only with a date; without one, the box was never ticked. -#}
{%- set loaders = {'rest': 'shopify', 'graphql': 'shopify_graphql'} -%}
{%- set statements, quarantined = [], [] -%}
{%- set accepts = json_of_quarantine(['$.accepts_marketing']) -%}
{%- set email_state = json_of_quarantine(
    ['$.email_marketing_consent_state', '$.defaultEmailAddress.marketingState']
) -%}
{%- set email_state = 'coalesce(' ~ email_state ~ ', case when '
    ~ parse_flag(accepts) ~ " then 'subscribed' end)" -%}
{%- set sms_state = json_of_quarantine(
    ['$.sms_marketing_consent_state', '$.defaultPhoneNumber.smsMarketingConsent.state']
) -%}
{%- set states = {'email': email_state, 'sms': sms_state} -%}
{%- for channel in ['email', 'sms'] -%}
    {%- set status, date = channel ~ '_marketing_status', channel ~ '_marketing_updated_at' -%}
    {%- set said = "case when " ~ status ~ " = 'not_subscribed' and " ~ date ~ " is null then 'none'"
        ~ " when " ~ status ~ " = 'subscribed' and " ~ channel ~ "_marketing_opt_in_level = 'confirmed_opt_in'"
        ~ " then 'confirmed' else " ~ status ~ " end" -%}
    {#- The grants of a deleted account end; its refusals stay. -#}
    {%- set decision = "case when coalesce(is_deleted, false) and " ~ status ~ " = 'subscribed' then 'none' else "
        ~ said ~ " end" -%}
    {%- set of_channel = {
        'name': channel, 'field': channel ~ '_marketing_consent_state', 'purpose': "'" ~ channel ~ "_marketing'",
        'channel': "'" ~ channel ~ "'", 'decided_at': date, 'decision': decision,
    } -%}
    {%- do statements.append(of_channel) -%}
    {%- do quarantined.append(dict(of_channel, decision=states[channel])) -%}
{%- endfor -%}
with

customers as (

    select * from {{ ref('stg_shopify__customers') }}

),

{# A loader that lacks a field must not hide a refusal that the other loader brought. #}
current_customers as (

    select
        newest.shopify_customer_id,
        newest.email,
        newest.phone,
        {% for channel in ['email', 'sms'] -%}
            {%- for column in ['opt_in_level', 'updated_at', 'status'] -%}
                case
                    when newest.{{ channel }}_marketing_status is null then other.{{ channel }}_marketing_{{ column }}
                    else newest.{{ channel }}_marketing_{{ column }}
                end as {{ channel }}_marketing_{{ column }},
            {% endfor -%}
        {%- endfor -%}
        newest.is_deleted,
        newest.loaded_at
    from customers as newest
    left join customers as other
        on
            newest.shopify_customer_id = other.shopify_customer_id
            and newest.loader <> other.loader
            and other.is_newest_of_loader
    where newest.is_current

),

stated as (

    {{ state_consents('shopify', 'customer', 'current_customers', 'shopify_customer_id', statements, [
        ['shopify_customer_id', 'shopify_customer_id'], ['email', 'email'], ['phone', 'phone'],
    ]) }}

),

{# Only the same loader can replace a record that was quarantined. #}
{% for loader in loaders %}
    {{ loader }}_versions as (

        select * from customers
        where loader = '{{ loader }}'

    ),

{% endfor %}
refused as (

    {% for loader, raw_source in loaders.items() %}
        {{ quarantined_consents(
            raw_source, 'customer', ['$.id', '$.legacyResourceId'], loader ~ '_versions', 'shopify_customer_id',
            'shopify_customer_id', quarantined
        ) }}
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

),

final as (

    select * from stated

    union all

    select * from refused

)

select * from final
