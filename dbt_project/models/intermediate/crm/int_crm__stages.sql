{{ config(materialized='view') }}
{#
    grain: one row per stage of a pipeline and source; key: stage_key
    why here: what a stage means (name, chance to win, won or lost) in one shape
#}
with unioned as (

    select
        'hubspot' as source,
        stage_id,
        pipeline_id,
        stage_name,
        probability,
        is_closed,
        is_won,
        loaded_at
    from {{ ref('stg_hubspot__pipelines_stages') }}
    where is_current and not is_deleted

),

pipelines as (

    select
        'hubspot' as source,
        cast(pipeline_id as {{ dbt.type_string() }}) as pipeline_id,
        pipeline_name
    from {{ ref('stg_hubspot__pipelines') }}
    where is_current and not is_deleted

),

stages as (

    select
        source,
        cast(pipeline_id as {{ dbt.type_string() }}) as pipeline_id,
        cast(stage_id as {{ dbt.type_string() }}) as stage_id,
        stage_name,
        probability,
        is_closed,
        is_won
    from unioned
    -- Two pipelines may use the same stage id in old portals: the newest says what it means.
    qualify
        row_number() over (
            partition by source, stage_id
            order by loaded_at desc, pipeline_id asc
        ) = 1

),

final as (

    select
        stages.source || '|' || stages.stage_id as stage_key,
        stages.source,
        stages.pipeline_id,
        stages.stage_id,
        pipelines.pipeline_name,
        stages.stage_name,
        stages.probability,
        stages.is_closed,
        stages.is_won
    from stages
    left join pipelines
        on stages.source = pipelines.source and stages.pipeline_id = pipelines.pipeline_id

)

select * from final
