{{ config(materialized='view') }}
{#
    grain: one row per known state of a deal
    rebuild: a view over staging
#}
with versions as (

    select * from {{ ref('stg_salesforce__deals') }}
    where not is_deleted

),

histories as (

    select * from {{ ref('stg_salesforce__deal_versions') }}
    where is_current and not is_deleted

),

unioned as (

    select
        deal_id,
        stage_id,
        is_won,
        is_closed,
        close_date,
        updated_at as changed_at
    from versions

    union all

    select
        deal_id,
        stage_id,
        is_won,
        is_closed,
        close_date,
        changed_at
    from histories

),

final as (

    select distinct
        cast(deal_id as {{ dbt.type_string() }}) as deal_id,
        cast(stage_id as {{ dbt.type_string() }}) as stage_id,
        is_won,
        is_closed,
        close_date,
        changed_at
    from unioned
    where deal_id is not null and changed_at is not null

)

select * from final
