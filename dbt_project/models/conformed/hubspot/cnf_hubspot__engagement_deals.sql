{{ config(materialized='view') }}
{#
    grain: one row per engagement and deal of the engagement
    rebuild: a view over staging
#}
with links as (

    select * from {{ ref('stg_hubspot__engagements_deals') }}
    where is_current and not is_deleted

),

final as (

    select distinct
        engagement_type,
        cast(engagement_id as {{ dbt.type_string() }}) as engagement_id,
        cast(deal_id as {{ dbt.type_string() }}) as deal_id
    from links
    where deal_id is not null

)

select * from final
