{{ config(materialized='view') }}
{#
    grain: one row per stage of a pipeline, also of deleted ones; key: stage_id
    rebuild: a view over staging
#}
with stages as (

    select * from {{ ref('stg_hubspot__pipelines_stages') }}

),

pipelines as (

    select * from {{ ref('stg_hubspot__pipelines') }}

),

{# A deal may remain in a stage that was deleted: its last content counts. #}
last_stages as (

    select * from stages
    qualify
        row_number() over (
            partition by stage_id
            order by
                case when is_current and not is_deleted then 0 else 1 end,
                case when is_deleted then 1 else 0 end,
                updated_at desc nulls last,
                loaded_at desc,
                stage_name asc
        ) = 1

),

last_pipelines as (

    select * from pipelines
    qualify
        row_number() over (
            partition by pipeline_id
            order by
                case when is_current and not is_deleted then 0 else 1 end,
                case when is_deleted then 1 else 0 end,
                updated_at desc nulls last,
                loaded_at desc,
                pipeline_name asc
        ) = 1

),

living as (

    select distinct stages.stage_id
    from stages
    left join pipelines on stages.pipeline_id = pipelines.pipeline_id and pipelines.is_current
    where stages.is_current and not stages.is_deleted and not coalesce(pipelines.is_deleted, false)

),

final as (

    select
        cast(last_stages.stage_id as {{ dbt.type_string() }}) as stage_id,
        last_pipelines.pipeline_name,
        last_stages.stage_name,
        last_stages.probability,
        last_stages.is_closed,
        last_stages.is_won,
        living.stage_id is null as is_deleted
    from last_stages
    left join last_pipelines on last_stages.pipeline_id = last_pipelines.pipeline_id
    left join living on last_stages.stage_id = living.stage_id

)

select * from final
