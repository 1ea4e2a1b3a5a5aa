{#
    grain: one row per deal and entry into a stage; key: deal_stage_id
    why here: when a deal left a stage is when it entered the next one
#}
with unioned as (

    select
        'hubspot' as source,
        cast(deal_id as {{ dbt.type_string() }}) as deal_id,
        cast(stage_id as {{ dbt.type_string() }}) as stage_id,
        entered_at
    from {{ ref('stg_hubspot__deal_stages') }}
    where is_current and not is_deleted

    union all

    select
        'salesforce' as source,
        cast(deal_id as {{ dbt.type_string() }}) as deal_id,
        cast(stage_id as {{ dbt.type_string() }}) as stage_id,
        entered_at
    from {{ ref('stg_salesforce__deal_stages') }}
    where is_current and not is_deleted

),

deals as (

    select * from {{ ref('int_crm__deals') }}

),

stages as (

    select * from {{ ref('int_crm__stages') }}

),

entries as (

    select distinct
        unioned.source,
        unioned.deal_id,
        unioned.stage_id,
        unioned.entered_at
    from unioned
    inner join deals
        on unioned.source = deals.source and unioned.deal_id = deals.deal_id
    -- A change of the deal that names no stage, or no moment, is no entry into one.
    where unioned.entered_at is not null and unioned.stage_id is not null

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
