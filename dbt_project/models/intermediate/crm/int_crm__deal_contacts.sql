{#
    grain: one row per deal and contact of the deal; key: deal_key, identifier_type,
        identifier_value
    why here: a deal counts once, for its primary contact; the contacts of a deal that was merged
        away belong to the winner
#}
with links as (

    {{ union_concept('deal_contacts') }}

),

deal_merges as (

    select * from {{ ref('int_crm__deal_merges') }}

),

contacts as (

    {{ union_concept('contacts') }}

),

folded as (

    select
        links.source,
        coalesce(deal_merges.deal_id, links.deal_id) as deal_id,
        links.identifier_type,
        links.identifier_value,
        min(links.contact_role) as contact_role,
        max(case when links.is_primary then 1 else 0 end) as primary_rank,
        max(case when deal_merges.merged_deal_id is null then 1 else 0 end) as own_rank
    from links
    left join deal_merges on links.source = deal_merges.source and links.deal_id = deal_merges.merged_deal_id
    group by 1, 2, 3, 4

),

final as (

    select
        folded.source || '|' || folded.deal_id as deal_key,
        folded.source,
        folded.deal_id,
        folded.identifier_type,
        folded.identifier_value,
        folded.contact_role,
        contacts.identifier_value is not null as is_known_contact,
        -- The one that the source says, else the smallest id; one that still exists comes first.
        row_number() over (
            partition by folded.source, folded.deal_id
            order by
                case when contacts.identifier_value is not null then 0 else 1 end asc,
                folded.own_rank desc,
                folded.primary_rank desc,
                length(folded.identifier_value) asc,
                folded.identifier_value asc
        ) = 1 as is_primary
    from folded
    left join contacts
        on
            folded.source = contacts.source
            and folded.identifier_type = contacts.identifier_type
            and folded.identifier_value = contacts.identifier_value

)

select * from final
