{#
    grain: one row per call, e-mail, meeting, note and task in a CRM; key: engagement_type, engagement_id
    why here: one with several contacts belongs to the smallest contact id that still exists, as a deal does.
    FURTHER CRM SOURCES ENTER HERE: staging models of these names and columns, one more name in `crms`
#}
{% set text, number = dbt.type_string(), 'bigint' %}
{% set crms = ['hubspot', 'salesforce'] %}
{# What a kind of engagement has beside its moment, by the CRM's own words; what it lacks is null. #}
{% set columns = {
    'call': {'direction': 'direction', 'status': 'disposition', 'duration_seconds': 'duration_seconds'},
    'email': {'status': 'status', 'subject': 'subject'},
    'meeting': {'subject': 'subject', 'duration_seconds': 'duration_seconds'},
    'note': {},
    'task': {'status': 'status', 'subject': 'subject'},
} %}
{% set only_hubspot = {'email': {'direction': 'direction'}, 'meeting': {'status': 'status'}} %}
with engagements as (

    {% for crm in crms %}
        {% for kind in columns if not (crm == 'salesforce' and kind == 'note') %}
            {% set has = columns[kind] if crm == 'salesforce' else dict(columns[kind], **only_hubspot.get(kind, {})) %}
            select
                '{{ crm }}' as source,
                '{{ kind }}' as engagement_type,
                cast({{ kind }}_id as {{ text }}) as engagement_id,
                {% for column in ['direction', 'status', 'subject', 'duration_seconds'] %}
                    cast({{ has.get(column, 'null') }} as {{ number if column == 'duration_seconds' else text }})
                        as {{ column }},
                {% endfor %}
                occurred_at,
                loaded_at
            from {{ ref('stg_' ~ crm ~ '__' ~ kind ~ 's') }}
            where is_current and not is_deleted

            {{ 'union all' if not (crm == crms[-1] and loop.last) }}

        {% endfor %}
    {% endfor %}
),

links as (

    select
        'hubspot' as source,
        engagement_type,
        cast(engagement_id as {{ text }}) as engagement_id,
        'hubspot_contact_id' as identifier_type,
        cast(contact_id as {{ text }}) as contact_id
    from {{ ref('stg_hubspot__engagements_contacts') }}
    where is_current and not is_deleted

    {% for kind in columns if kind != 'note' %}
        union all

        select
            'salesforce' as source,
            '{{ kind }}' as engagement_type,
            cast({{ kind }}_id as {{ text }}) as engagement_id,
            case
                when contact_id is not null then 'salesforce_contact_id'
                else 'salesforce_lead_id'
            end as identifier_type,
            cast(coalesce(contact_id, lead_id) as {{ text }}) as contact_id
        from {{ ref('stg_salesforce__' ~ kind ~ 's') }}
        where is_current and not is_deleted

    {% endfor %}
),

contacts as (

    select
        source,
        contact_id
    from {{ ref('int_crm__contacts_unioned') }}

),

primary_links as (

    select
        links.source,
        links.engagement_type,
        links.engagement_id,
        links.identifier_type,
        links.contact_id
    from links
    left join contacts
        on links.source = contacts.source and links.contact_id = contacts.contact_id
    where links.contact_id is not null
    qualify
        row_number() over (
            partition by links.source, links.engagement_type, links.engagement_id
            order by
                case when contacts.contact_id is not null then 0 else 1 end,
                length(links.contact_id),
                links.contact_id
        ) = 1

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

final as (

    select
        engagements.engagement_type || ':' || engagements.engagement_id
            as engagement_key,
        engagements.engagement_type,
        engagements.engagement_id,
        identifiers.identifier_no,
        engagements.source,
        engagements.direction,
        engagements.status,
        engagements.subject,
        engagements.duration_seconds,
        engagements.occurred_at is null as is_occurred_at_estimated,
        -- One without a moment is there all the same: it happened before it came.
        coalesce(engagements.occurred_at, engagements.loaded_at) as occurred_at,
        engagements.loaded_at
    from engagements
    left join primary_links
        on
            engagements.source = primary_links.source
            and engagements.engagement_type = primary_links.engagement_type
            and engagements.engagement_id = primary_links.engagement_id
    left join identifiers
        on
            primary_links.identifier_type = identifiers.identifier_type
            and primary_links.contact_id = identifiers.identifier_value

)

select * from final
