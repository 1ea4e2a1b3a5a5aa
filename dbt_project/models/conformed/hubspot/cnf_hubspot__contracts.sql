{{ config(materialized='view') }}
{#
    grain: one row per contact with a deal
    rebuild: a view over staging
#}
with links as (

    select * from {{ ref('stg_hubspot__contacts_deals') }}
    where is_current and not coalesce(is_deleted, false)

),

deals as (

    select * from {{ ref('stg_hubspot__deals') }}
    where is_current and not coalesce(is_deleted, false)

),

final as (

    select
        'hubspot_contact_id' as identifier_type,
        links.contact_id as identifier_value,
        min(coalesce(deals.created_at, deals.loaded_at)) as contracted_at
    from links
    inner join deals on links.deal_id = deals.deal_id
    group by links.contact_id

)

select * from final
