{#
    grain: one row per (decision_key, identifier_type, identifier_value) of a record that states a
        consent
    rebuild: full table
    why here: as a view, the engine plans it in each reader for longer than it runs
#}
{#- Salesforce dates changes of a record, not the opt-out: the opt-out counts from its arrival. -#}
{%- set no_date = 'cast(null as timestamp)' -%}
{%- set email = {'purpose': "'email_marketing'", 'channel': "'email'", 'decided_at': no_date} -%}
{%- set call = {'purpose': "'phone_marketing'", 'channel': "'phone'", 'decided_at': no_date} -%}
{%- set statements = [
    dict(email, name='opt_out', field='has_opted_out_of_email',
        decision="case when has_opted_out_of_email then 'opted_out' end"),
    dict(email, name='bounce', field='email_bounced_date',
        decision="case when email_bounced_at is not null then 'bounced' end", decided_at='email_bounced_at'),
    dict(call, name='do_not_call', field='do_not_call', decision="case when do_not_call then 'do_not_call' end"),
] -%}
{%- set quarantined = [
    dict(statements[0], decision=opt_out_word(json_of_quarantine(['$.has_opted_out_of_email', '$.HasOptedOutOfEmail']))),
    dict(statements[2], decision=opt_out_word(json_of_quarantine(['$.do_not_call', '$.DoNotCall']))),
] -%}
with

contacts as (

    select * from {{ ref('stg_salesforce__contacts') }}
    where is_current

),

leads as (

    select * from {{ ref('stg_salesforce__leads') }}
    where is_current

),

stated as (

    {{ state_consents('salesforce', 'contact', 'contacts', 'contact_id', statements, [
        ['salesforce_contact_id', 'contact_id'], ['email', 'email'], ['phone', 'phone'], ['phone', 'nullif(mobile_phone, phone)'],
    ]) }}

    union all

    {{ state_consents('salesforce', 'lead', 'leads', 'lead_id', statements, [
        ['salesforce_lead_id', 'lead_id'], ['email', 'email'], ['phone', 'phone'], ['phone', 'nullif(mobile_phone, phone)'],
    ]) }}

),

refused as (

    {{ quarantined_consents(
        'salesforce', 'contact', ['$.id', '$.Id'], ref('stg_salesforce__contacts'), 'contact_id',
        'salesforce_contact_id', quarantined
    ) }}

    union all

    {{ quarantined_consents(
        'salesforce', 'lead', ['$.id', '$.Id'], ref('stg_salesforce__leads'), 'lead_id',
        'salesforce_lead_id', quarantined
    ) }}

),

final as (

    select * from stated

    union all

    select * from refused

)

select * from final
