{#
    grain: one row per deal that was merged into another, with the deal that has both; key: source,
        merged_deal_id
    why here: the winner of one merge may be the loser of the next
#}
{% set longest_chain_doublings = 5 %}
with stated as (

    {{ union_concept('deal_merges') }}

),

{# Two deals may list one loser, if one of them was merged into the other later: either way leads there. #}
links_0 as (

    select
        source,
        merged_deal_id,
        deal_id
    from stated
    where merged_deal_id <> deal_id
    qualify
        row_number() over (
            partition by source, merged_deal_id
            order by length(deal_id), deal_id
        ) = 1

),

{% for doubling in range(longest_chain_doublings) %}
    links_{{ doubling + 1 }} as (

        select
            links.source,
            links.merged_deal_id,
            coalesce(nexts.deal_id, links.deal_id) as deal_id
        from links_{{ doubling }} as links
        left join links_{{ doubling }} as nexts
            on links.source = nexts.source and links.deal_id = nexts.merged_deal_id

    ),

{% endfor %}
final as (

    select
        links.source,
        links.merged_deal_id,
        links.deal_id
    from links_{{ longest_chain_doublings }} as links
    left join links_0 as losers
        on links.source = losers.source and links.deal_id = losers.merged_deal_id
    -- Deals that claim each other in a circle stay apart.
    where losers.merged_deal_id is null

)

select * from final
