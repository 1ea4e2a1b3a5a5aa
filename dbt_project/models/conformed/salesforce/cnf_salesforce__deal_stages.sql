{{ config(materialized='view') }}
{#
    grain: one row per deal, stage and time at which the deal entered it
    rebuild: a view over staging
#}
with deal_stages as (

    select * from {{ ref('stg_salesforce__deal_stages') }}
    where is_current and not is_deleted

),

final as (

    select distinct
        cast(deal_id as {{ dbt.type_string() }}) as deal_id,
        cast(stage_id as {{ dbt.type_string() }}) as stage_id,
        entered_at
    from deal_stages
    -- A change without a stage or a timestamp is not an entry into a stage.
    where stage_id is not null and entered_at is not null

)

select * from final
