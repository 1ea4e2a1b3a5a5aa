{{ config(materialized='view') }}
{#
    grain: one row per contact with a deal
    rebuild: a view over staging
#}
with deals as (

    select * from {{ ref('stg_salesforce__deals') }}
    where is_current and not coalesce(is_deleted, false) and contact_id is not null

),

final as (

    select
        'salesforce_contact_id' as identifier_type,
        contact_id as identifier_value,
        min(coalesce(created_at, loaded_at)) as contracted_at
    from deals
    group by contact_id

)

select * from final
