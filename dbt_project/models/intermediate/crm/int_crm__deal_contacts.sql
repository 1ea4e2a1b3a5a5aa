{#
    grain: one row per deal that a contact stands on; key: deal_key
    why here: a deal has one primary contact, the smallest contact id that still exists, so that no deal counts twice
#}
with links as (

    select
        'hubspot' as source,
        cast(deal_id as {{ dbt.type_string() }}) as deal_id,
        cast(contact_id as {{ dbt.type_string() }}) as contact_id
    from {{ ref('stg_hubspot__contacts_deals') }}
    where is_current and not is_deleted

    union all

    select
        source,
        deal_id,
        contact_id
    from {{ ref('int_crm__deals_unioned') }}
    where contact_id is not null

),

contacts as (

    select
        source,
        contact_id,
        identifier_type
    from {{ ref('int_crm__contacts_unioned') }}

),

final as (

    select
        links.source || '|' || links.deal_id as deal_key,
        links.source,
        links.deal_id,
        links.contact_id,
        case
            when links.source = 'salesforce' then 'salesforce_contact_id'
            else 'hubspot_contact_id'
        end as identifier_type,
        contacts.contact_id is not null as is_known_contact
    from links
    left join contacts
        on links.source = contacts.source and links.contact_id = contacts.contact_id
    where links.deal_id is not null and links.contact_id is not null
    qualify
        row_number() over (
            partition by links.source, links.deal_id
            order by
                case when contacts.contact_id is not null then 0 else 1 end,
                length(links.contact_id),
                links.contact_id
        ) = 1

)

select * from final
