{{ config(materialized='view') }}
{#
    grain: one row per (decision_key, identifier_type, identifier_value) of a record that states a consent
    rebuild: a view over staging and the quarantine
#}
{#- HubSpot says when a contact was changed, and not when somebody opted out: the opt-out counts from its arrival. -#}
{%- set email = {
    'purpose': "'email_marketing'", 'channel': "'email'", 'decided_at': 'cast(null as timestamp)',
} -%}
{%- set statements = [
    dict(email, name='opt_out', field='hs_email_optout', decision=opt_out_word('email_opt_out_text')),
    dict(email, name='bad_address', field='hs_email_bad_address',
        decision="case when " ~ parse_flag('bad_address_text') ~ " then 'bad_address' end"),
    dict(email, name='hard_bounce', field='hs_email_hard_bounce_reason_enum',
        decision="case when hard_bounce_reason is not null then 'hard_bounce' end"),
] -%}
{%- set opt_out = json_of_quarantine(['$.hs_email_optout', '$.properties.hs_email_optout']) -%}
with

contacts as (

    select * from {{ ref('stg_hubspot__contacts') }}
    where is_current

),

stated as (

    {{ state_consents('hubspot', 'contacts', 'contacts', 'contact_id', statements, [
        ['hubspot_contact_id', 'contact_id'], ['email', 'email'], ['phone', 'phone'], ['phone', 'nullif(mobile_phone, phone)'],
    ]) }}

),

refused as (

    {{ quarantined_consents(
        'hubspot', 'contacts', ['$.id'], ref('stg_hubspot__contacts'), 'contact_id',
        'hubspot_contact_id', [dict(statements[0], decision=opt_out_word(opt_out))]
    ) }}

),

final as (

    select * from stated

    union all

    select * from refused

)

select * from final
