{#
    grain: one row per deal with a contact; key: deal_key
    why here: a deal has one primary contact, the smallest id that still exists, so that it counts
        once
#}
with links as (

    {{ union_concept('deal_contacts') }}

),

contacts as (

    {{ union_concept('contacts') }}

),

final as (

    select
        links.source || '|' || links.deal_id as deal_key,
        links.source,
        links.deal_id,
        links.identifier_type,
        links.identifier_value,
        contacts.identifier_value is not null as is_known_contact
    from links
    left join contacts
        on
            links.source = contacts.source
            and links.identifier_type = contacts.identifier_type
            and links.identifier_value = contacts.identifier_value
    qualify
        row_number() over (
            partition by links.source, links.deal_id
            order by
                case when contacts.identifier_value is not null then 0 else 1 end,
                length(links.identifier_value),
                links.identifier_value
        ) = 1

)

select * from final
