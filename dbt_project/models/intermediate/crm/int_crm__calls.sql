{#
    grain: one row per call; key: call_id
    why here: a call with several contacts belongs to the smallest contact id that still exists, as a deal does
#}
with calls as (

    select
        'hubspot' as source,
        cast(call_id as {{ dbt.type_string() }}) as call_id,
        direction,
        disposition,
        duration_seconds,
        occurred_at,
        loaded_at
    from {{ ref('stg_hubspot__calls') }}
    where is_current and not is_deleted

    union all

    select
        'hubspot_fivetran' as source,
        cast(call_id as {{ dbt.type_string() }}) as call_id,
        direction,
        disposition,
        duration_seconds,
        occurred_at,
        loaded_at
    from {{ ref('stg_hubspot_fivetran__calls') }}
    where is_current and not is_deleted

    union all

    select
        'salesforce' as source,
        cast(call_id as {{ dbt.type_string() }}) as call_id,
        direction,
        disposition,
        duration_seconds,
        occurred_at,
        loaded_at
    from {{ ref('stg_salesforce__calls') }}
    where is_current and not is_deleted

),

distinct_calls as (

    -- A portal that moves from one connector to the other has the same call in both for a while.
    select *
    from calls
    qualify row_number() over (partition by call_id order by loaded_at desc, source asc) = 1

),

links as (

    select
        'hubspot' as source,
        cast(call_id as {{ dbt.type_string() }}) as call_id,
        'hubspot_contact_id' as identifier_type,
        cast(contact_id as {{ dbt.type_string() }}) as contact_id
    from {{ ref('stg_hubspot__calls_contacts') }}
    where is_current and not is_deleted

    union all

    select
        'hubspot_fivetran' as source,
        cast(call_id as {{ dbt.type_string() }}) as call_id,
        'hubspot_contact_id' as identifier_type,
        cast(contact_id as {{ dbt.type_string() }}) as contact_id
    from {{ ref('stg_hubspot_fivetran__calls_contacts') }}
    where is_current and not is_deleted

    union all

    select
        'salesforce' as source,
        cast(call_id as {{ dbt.type_string() }}) as call_id,
        case
            when contact_id is not null then 'salesforce_contact_id'
            else 'salesforce_lead_id'
        end as identifier_type,
        cast(coalesce(contact_id, lead_id) as {{ dbt.type_string() }}) as contact_id
    from {{ ref('stg_salesforce__calls') }}
    where is_current and not is_deleted

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
        links.call_id,
        links.identifier_type,
        links.contact_id
    from links
    left join contacts
        on links.source = contacts.source and links.contact_id = contacts.contact_id
    where links.contact_id is not null
    qualify
        row_number() over (
            partition by links.source, links.call_id
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
        distinct_calls.call_id,
        identifiers.identifier_no,
        distinct_calls.source,
        distinct_calls.direction,
        distinct_calls.disposition,
        cast(distinct_calls.duration_seconds as bigint) as duration_seconds,
        distinct_calls.occurred_at,
        distinct_calls.loaded_at
    from distinct_calls
    left join primary_links
        on
            distinct_calls.source = primary_links.source
            and distinct_calls.call_id = primary_links.call_id
    left join identifiers
        on
            primary_links.identifier_type = identifiers.identifier_type
            and primary_links.contact_id = identifiers.identifier_value

)

select * from final
