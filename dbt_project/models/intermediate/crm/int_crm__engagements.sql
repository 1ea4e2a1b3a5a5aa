{#
    grain: one row per call, e-mail, meeting, note and task in a CRM; key: engagement_type,
        engagement_id
    why here: an engagement with several contacts belongs to the smallest contact id that still
        exists, as for deals
#}
with engagements as (

    {{ union_concept('engagements') }}

),

links as (

    {{ union_concept('engagement_contacts') }}

),

contacts as (

    {{ union_concept('contacts') }}

),

primary_links as (

    select
        links.source,
        links.engagement_type,
        links.engagement_id,
        links.identifier_type,
        links.identifier_value
    from links
    left join contacts
        on
            links.source = contacts.source
            and links.identifier_type = contacts.identifier_type
            and links.identifier_value = contacts.identifier_value
    qualify
        row_number() over (
            partition by links.source, links.engagement_type, links.engagement_id
            order by
                case when contacts.identifier_value is not null then 0 else 1 end,
                length(links.identifier_value),
                links.identifier_value
        ) = 1

),

engagement_deals as (

    select * from {{ ref('int_crm__engagement_deals') }}

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
        engagement_deals.deal_id,
        engagements.source,
        engagements.direction,
        engagements.status,
        engagements.subject,
        engagements.duration_seconds,
        engagements.occurred_at is null as is_occurred_at_estimated,
        -- Without a timestamp, the arrival is the latest time at which it can have happened.
        coalesce(engagements.occurred_at, engagements.loaded_at) as occurred_at,
        engagements.loaded_at
    from engagements
    left join primary_links
        on
            engagements.source = primary_links.source
            and engagements.engagement_type = primary_links.engagement_type
            and engagements.engagement_id = primary_links.engagement_id
    left join engagement_deals
        on
            engagements.source = engagement_deals.source
            and engagements.engagement_type = engagement_deals.engagement_type
            and engagements.engagement_id = engagement_deals.engagement_id
    left join identifiers
        on
            primary_links.identifier_type = identifiers.identifier_type
            and primary_links.identifier_value = identifiers.identifier_value

)

select * from final
