{#
    grain: one row per deal and entry into a stage; key: deal_stage_id
    why here: a deal leaves a stage when it enters the next one; the entries of a deal that was
        merged away belong to the winner and do not end the winner's
#}
{% set unioned_key = [
    'entries.stated_deal_id', 'entries.stage_id', 'cast(entries.entered_at as ' ~ dbt.type_string() ~ ')'
] | join(" || '|' || ") %}
with unioned as (

    {{ union_concept('deal_stages') }}

),

deals as (

    select * from {{ ref('int_crm__deals') }}

),

deal_merges as (

    select * from {{ ref('int_crm__deal_merges') }}

),

stages as (

    {{ union_concept('stages') }}

),

entries as (

    select
        deals.deal_id,
        unioned.deal_id as stated_deal_id,
        unioned.source,
        unioned.stage_id,
        unioned.entered_at,
        deal_merges.merged_deal_id,
        lead(unioned.entered_at) over (
            partition by unioned.source, unioned.deal_id
            order by unioned.entered_at, unioned.stage_id
        ) as left_at
    from unioned
    left join deal_merges on unioned.source = deal_merges.source and unioned.deal_id = deal_merges.merged_deal_id
    inner join deals
        on
            unioned.source = deals.source
            and coalesce(deal_merges.deal_id, unioned.deal_id) = deals.deal_id

),

final as (

    select
        {{ md5_hex(unioned_key) }} as deal_stage_id,
        entries.deal_id,
        entries.stage_id,
        entries.source,
        coalesce(stages.stage_name, entries.stage_id) as stage_name,
        entries.merged_deal_id as merged_from_deal_id,
        entries.merged_deal_id is null and entries.left_at is null as is_current,
        entries.entered_at as occurred_at,
        entries.left_at,
        {{ dbt.datediff('entries.entered_at', 'entries.left_at', 'second') }}
            as seconds_in_stage
    from entries
    left join stages
        on entries.source = stages.source and entries.stage_id = stages.stage_id

)

select * from final
