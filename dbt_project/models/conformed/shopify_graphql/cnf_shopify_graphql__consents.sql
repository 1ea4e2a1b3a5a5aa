{{ config(materialized='view') }}
{#
    grain: one row per (decision_key, identifier_type, identifier_value) of a record that states a consent
    rebuild: a view over staging and the quarantine
#}
{#- A box that was never ticked says nothing: not_subscribed is a no where the shop knows when it was said. -#}
{%- set statements, quarantined = [], [] -%}
{%- set email_state = json_of_quarantine(['$.email_marketing_consent_state']) -%}
{%- set states = {'email': email_state, 'sms': json_of_quarantine(['$.sms_marketing_consent_state'])} -%}
{%- for channel in ['email', 'sms'] -%}
    {%- set status, date = channel ~ '_marketing_status', channel ~ '_marketing_updated_at' -%}
    {%- set said = "case when " ~ status ~ " = 'not_subscribed' and " ~ date ~ " is null then 'none'"
        ~ " when " ~ status ~ " = 'subscribed' and " ~ channel ~ "_marketing_opt_in_level = 'confirmed_opt_in'"
        ~ " then 'confirmed' else " ~ status ~ " end" -%}
    {#- What a deleted account granted is over; what it refused is not. -#}
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

    select * from {{ ref('stg_shopify_graphql__customers') }}
    where is_current

),

stated as (

    {{ state_consents('shopify_graphql', 'customer', 'customers', 'shopify_customer_id', statements, [
        ['shopify_customer_id', 'shopify_customer_id'], ['email', 'email'], ['phone', 'phone'],
    ]) }}

),

refused as (

    {{ quarantined_consents(
        'shopify_graphql', 'customer', ['$.id'], ref('stg_shopify_graphql__customers'), 'shopify_customer_id',
        'shopify_customer_id', quarantined
    ) }}

),

final as (

    select * from stated

    union all

    select * from refused

)

select * from final
