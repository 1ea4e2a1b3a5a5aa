{{ config(materialized='view') }}
{#
    grain: one row per deal and contact of the deal
    rebuild: a view over staging
#}
with links as (

    select * from {{ ref('stg_hubspot__contacts_deals') }}
    where is_current and not is_deleted

),

final as (

    select
        cast(deal_id as {{ dbt.type_string() }}) as deal_id,
        'hubspot_contact_id' as identifier_type,
        cast(contact_id as {{ dbt.type_string() }}) as identifier_value,
        cast(null as {{ dbt.type_string() }}) as contact_role,
        false as is_primary
    from links
    where deal_id is not null and contact_id is not null

)

select * from final
