with source as (

    select * from {{ source('hubspot', 'pipelines_deals__stages') }}

),

pipelines as (

    -- A pipeline that is loaded again keeps its id but gets a new row id.
    select distinct
        _dlt_id,
        id as pipeline_id
    from {{ source('hubspot', 'pipelines_deals') }}

),

final as (

    select
        source.id as stage_id,
        -- In the API a stage names its pipeline; dlt joins them by row id.
        coalesce(source.pipeline_id, pipelines.pipeline_id) as pipeline_id,
        {{ clean_text('source.label') }} as stage_name,
        source.display_order,
        {{ try_cast_to('source.metadata__probability', 'double') }} as probability,
        {{ parse_flag('source.metadata__is_closed') }} as is_closed,
        -- HubSpot has no won flag: won is a closed stage with a probability of one.
        coalesce(
            {{ parse_flag('source.metadata__is_closed') }}
            and {{ try_cast_to('source.metadata__probability', 'double') }} = 1.0,
            false
        ) as is_won,
        source.created_at,
        source.updated_at,
        {{ record_state("source.archived", updated_at='source.updated_at') }}
    from source
    left join pipelines on source._dlt_parent_id = pipelines._dlt_id

)

select * from final
