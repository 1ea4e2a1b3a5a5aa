{{ config(materialized='view') }}
{#
    grain: one row per known state of a deal
    rebuild: a view over staging
#}
with versions as (

    select * from {{ ref('stg_hubspot__deals') }}
    where not is_deleted

),

final as (

    select distinct
        cast(deal_id as {{ dbt.type_string() }}) as deal_id,
        cast(stage_id as {{ dbt.type_string() }}) as stage_id,
        is_won,
        is_closed,
        close_date,
        updated_at as changed_at
    from versions
    where deal_id is not null and updated_at is not null

)

select * from final
