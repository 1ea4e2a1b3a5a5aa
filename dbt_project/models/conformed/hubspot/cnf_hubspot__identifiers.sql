{{ config(materialized='view') }}
{#
    grain: one row per (record_type, record_id, own identifier, identifier), also of deleted records
    rebuild: a view over staging
#}
with

contacts as (

    select * from {{ ref('stg_hubspot__contacts') }}

),

audited_merges as (

    select * from {{ ref('stg_hubspot__contact_merges') }}

),

listed_emails as (

    select
        contact_id,
        {{ split_to_rows('additional_emails', ';') }} as listed_email,
        loaded_at,
        created_at,
        updated_at,
        {{ is_living_record('contact_id') }} as is_living
    from contacts

),

additional_emails as (

    select
        contact_id,
        {{ normalize_email('listed_email') }} as email,
        loaded_at,
        created_at,
        updated_at,
        is_living
    from listed_emails

),

listed_merges as (

    select
        contact_id,
        {{ split_to_rows('merged_contact_ids', ';') }} as merged_contact_id,
        {{ is_living_record('contact_id') }} as is_living,
        loaded_at,
        created_at,
        updated_at
    from contacts

),

{# The winner lists the contacts merged into it; a loader may also have a table of merges. #}
known_merges as (

    select
        contact_id,
        trim(merged_contact_id) as merged_contact_id,
        is_living,
        loaded_at,
        created_at,
        updated_at
    from listed_merges
    where trim(merged_contact_id) <> ''

    union all

    select
        contact_id,
        merged_contact_id,
        {{ is_living_record("contact_id || '>' || merged_contact_id") }} as is_living,
        loaded_at,
        merged_at as created_at,
        merged_at as updated_at
    from audited_merges

),

{# A CRM deletes the loser of a merge; its identifiers count while the winner is not deleted. #}
merged_away as (

    select distinct merged_contact_id
    from known_merges
    where is_living

),

living_contacts as (

    select
        contacts.*,
        {{ is_living_record('contacts.contact_id', 'merged_away.merged_contact_id is not null') }}
            as is_living
    from contacts
    left join merged_away on contacts.contact_id = merged_away.merged_contact_id

),

final as (

    {{ name_identifiers(
        'contact', 'living_contacts', 'contact_id', {'hubspot_contact_id': 'contact_id'},
        [['email', 'email'], ['phone', 'phone'], ['phone', 'mobile_phone']], is_living='is_living',
    ) }}

    union all

    {{ name_identifiers(
        'contact_email', 'additional_emails', 'contact_id', {'hubspot_contact_id': 'contact_id'},
        [['email', 'email']], is_living='is_living',
    ) }}

    union all

    {{ name_identifiers(
        'contact_merge', 'known_merges', 'contact_id', {'hubspot_contact_id': 'contact_id'},
        [['hubspot_contact_id', 'merged_contact_id']], is_living='is_living',
    ) }}

)

select * from final
