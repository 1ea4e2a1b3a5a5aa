{{ config(materialized='view') }}
{#
    grain: one row per deal that was merged into another, and the other
    rebuild: a view over staging
#}
with deals as (

    select * from {{ ref('stg_hubspot__deals') }}

),

stated as (

    select
        deal_id,
        merged_deal_id
    from {{ ref('stg_hubspot__deal_merges') }}
    where is_current and not is_deleted

    union all

    select
        deal_id,
        {{ split_to_rows('merged_deal_ids', ';') }} as merged_deal_id
    from deals

),

final as (

    select distinct
        cast(stated.deal_id as {{ dbt.type_string() }}) as deal_id,
        trim(cast(stated.merged_deal_id as {{ dbt.type_string() }})) as merged_deal_id
    from stated
    -- A deal is not given up for one that has not arrived.
    inner join deals on stated.deal_id = deals.deal_id
    where trim(stated.merged_deal_id) not in ('', stated.deal_id)

)

select * from final
