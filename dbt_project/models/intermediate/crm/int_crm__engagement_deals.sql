{#
    grain: one row per engagement about a deal; key: source, engagement_type, engagement_id
    why here: an engagement of a deal that was merged away belongs to the winner; of several deals,
        an open one is named first
#}
with deal_links as (

    {{ union_concept('engagement_deals') }}

),

deal_merges as (

    select * from {{ ref('int_crm__deal_merges') }}

),

deals as (

    select * from {{ ref('int_crm__deals') }}

),

folded as (

    select
        deal_links.source,
        deal_links.engagement_type,
        deal_links.engagement_id,
        deals.deal_id,
        deals.status
    from deal_links
    left join deal_merges
        on deal_links.source = deal_merges.source and deal_links.deal_id = deal_merges.merged_deal_id
    inner join deals
        on
            deal_links.source = deals.source
            and coalesce(deal_merges.deal_id, deal_links.deal_id) = deals.deal_id

),

final as (

    select
        source,
        engagement_type,
        engagement_id,
        deal_id
    from folded
    qualify
        row_number() over (
            partition by source, engagement_type, engagement_id
            order by
                case when status = 'open' then 0 else 1 end,
                length(deal_id),
                deal_id
        ) = 1

)

select * from final
