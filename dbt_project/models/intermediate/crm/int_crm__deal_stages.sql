{#
    grain: one row per deal and entry into a stage; key: deal_stage_id
    why here: a deal leaves a stage when it enters the next one
#}
with unioned as (

    {{ union_concept('deal_stages') }}

),

deals as (

    select * from {{ ref('int_crm__deals') }}

),

stages as (

    {{ union_concept('stages') }}

),

entries as (

    select unioned.*
    from unioned
    inner join deals on unioned.source = deals.source and unioned.deal_id = deals.deal_id

),

final as (

    select
        {{ md5_hex(
            "entries.deal_id || '|' || entries.stage_id || '|' || cast(entries.entered_at as " ~ dbt.type_string() ~ ")"
        ) }}
            as deal_stage_id,
        entries.deal_id,
        entries.stage_id,
        entries.source,
        coalesce(stages.stage_name, entries.stage_id) as stage_name,
        entries.entered_at as occurred_at,
        lead(entries.entered_at) over (
            partition by entries.deal_id
            order by entries.entered_at, entries.stage_id
        ) as left_at
    from entries
    left join stages
        on entries.source = stages.source and entries.stage_id = stages.stage_id

)

select * from final
