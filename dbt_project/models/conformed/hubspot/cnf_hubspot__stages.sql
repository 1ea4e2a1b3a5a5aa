{{ config(materialized='view') }}
{#
    grain: one row per stage of a pipeline; key: stage_id
    rebuild: a view over staging
#}
with stages as (

    select * from {{ ref('stg_hubspot__pipelines_stages') }}
    where is_current and not is_deleted

),

pipelines as (

    select * from {{ ref('stg_hubspot__pipelines') }}
    where is_current and not is_deleted

),

final as (

    select
        cast(stages.stage_id as {{ dbt.type_string() }}) as stage_id,
        pipelines.pipeline_name,
        stages.stage_name,
        stages.probability,
        stages.is_closed,
        stages.is_won
    from stages
    left join pipelines on stages.pipeline_id = pipelines.pipeline_id

)

select * from final
