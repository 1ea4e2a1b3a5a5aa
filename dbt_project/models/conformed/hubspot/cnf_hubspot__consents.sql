{#
    grain: one row per (decision_key, identifier_type, identifier_value) of a record that states a
        consent
    rebuild: full table
    why here: as a view, the engine plans it in each reader for longer than it runs
#}
{#- HubSpot dates changes of a contact, not the opt-out: the opt-out counts from its arrival. -#}
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
{#- Loader: source and entity in raw, field prefix, path of the opt-out in quarantined records. -#}
{%- set loaders = {
    'api': ('hubspot', 'contacts', '', ['$.hs_email_optout', '$.properties.hs_email_optout']),
    'fivetran': ('hubspot_fivetran', 'contact', 'property_', ['$.property_hs_email_optout']),
} -%}
with

contacts as (

    select * from {{ ref('stg_hubspot__contacts') }}

),

{# A loader that lacks a field must not hide a refusal that the other loader brought. #}
current_contacts as (

    select
        newest.contact_id,
        newest.email,
        newest.phone,
        newest.mobile_phone,
        coalesce(newest.email_opt_out_text, other.email_opt_out_text) as email_opt_out_text,
        coalesce(newest.bad_address_text, other.bad_address_text) as bad_address_text,
        coalesce(newest.hard_bounce_reason, other.hard_bounce_reason) as hard_bounce_reason,
        newest.loader,
        newest.loaded_at
    from contacts as newest
    left join contacts as other
        on
            newest.contact_id = other.contact_id
            and newest.loader <> other.loader
            and other.is_newest_of_loader
    where newest.is_current

),

{# Only the same loader can replace a record that was quarantined. #}
{% for loader in loaders %}
    {{ loader }}_contacts as (

        select * from current_contacts
        where loader = '{{ loader }}'

    ),

    {{ loader }}_versions as (

        select * from contacts
        where loader = '{{ loader }}'

    ),

{% endfor %}
stated as (

    {% for loader, (_, entity, prefix, _) in loaders.items() %}
        {%- set of_loader = [] -%}
        {%- for statement in statements -%}
            {%- do of_loader.append(dict(statement, field=prefix ~ statement.field)) -%}
        {%- endfor %}
        {{ state_consents('hubspot', entity, loader ~ '_contacts', 'contact_id', of_loader, [
            ['hubspot_contact_id', 'contact_id'], ['email', 'email'], ['phone', 'phone'],
            ['phone', 'nullif(mobile_phone, phone)'],
        ]) }}
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

),

refused as (

    {% for loader, (raw_source, entity, prefix, paths) in loaders.items() %}
        {{ quarantined_consents(
            raw_source, entity, ['$.id'], loader ~ '_versions', 'contact_id', 'hubspot_contact_id',
            [dict(statements[0], field=prefix ~ statements[0].field, decision=opt_out_word(json_of_quarantine(paths)))]
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
