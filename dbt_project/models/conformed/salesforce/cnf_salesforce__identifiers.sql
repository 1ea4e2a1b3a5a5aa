{#
    grain: one row per (record_type, record_id, own identifier, identifier), also of deleted records
    rebuild: full table
    why here: as a view, the engine plans it in each reader for longer than it runs
#}
with

contacts as (

    select * from {{ ref('stg_salesforce__contacts') }}

),

leads as (

    select * from {{ ref('stg_salesforce__leads') }}

),

listed_merges as (

    select
        contact_id,
        loaded_at,
        created_at,
        updated_at,
        {{ is_living_record('contact_id') }} as is_living,
        {{ split_to_rows('merged_contact_ids', ';') }} as merged_contact_id
    from contacts

),

losers as (

    select
        contact_id,
        max(loaded_at) as loaded_at
    from contacts
    group by 1

),

{# Salesforce names the winner on the loser: a merge arrives with the loser's record. #}
known_merges as (

    select
        listed_merges.contact_id,
        trim(listed_merges.merged_contact_id) as merged_contact_id,
        listed_merges.is_living,
        greatest(
            listed_merges.loaded_at, coalesce(losers.loaded_at, listed_merges.loaded_at)
        ) as loaded_at,
        listed_merges.created_at,
        listed_merges.updated_at
    from listed_merges
    left join losers on listed_merges.merged_contact_id = losers.contact_id
    where trim(listed_merges.merged_contact_id) <> ''

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
        'contact', 'living_contacts', 'contact_id', {'salesforce_contact_id': 'contact_id'},
        [['email', 'email'], ['phone', 'phone'], ['phone', 'mobile_phone']], is_living='is_living',
    ) }}

    union all

    {{ name_identifiers(
        'contact_merge', 'known_merges', 'contact_id', {'salesforce_contact_id': 'contact_id'},
        [['salesforce_contact_id', 'merged_contact_id']], is_living='is_living',
    ) }}

    union all

    {{ name_identifiers(
        'lead', 'leads', 'lead_id', {'salesforce_lead_id': 'lead_id'},
        [['email', 'email'], ['phone', 'phone'], ['phone', 'mobile_phone']],
        is_living=is_living_record('lead_id'),
    ) }}

    union all

    {{ name_identifiers(
        'lead_conversion', 'leads', 'lead_id', {'salesforce_lead_id': 'lead_id'},
        [['salesforce_contact_id', 'converted_contact_id']],
        is_living=is_living_record('lead_id'), where='converted_contact_id is not null',
    ) }}

)

select * from final
