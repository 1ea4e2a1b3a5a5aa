{{ config(materialized='view') }}
{#
    grain: one row per engagement and contact of the engagement
    rebuild: a view over staging
#}
with links as (

    select * from {{ ref('stg_hubspot__engagements_contacts') }}
    where is_current and not is_deleted

),

final as (

    select
        engagement_type,
        cast(engagement_id as {{ dbt.type_string() }}) as engagement_id,
        'hubspot_contact_id' as identifier_type,
        cast(contact_id as {{ dbt.type_string() }}) as identifier_value
    from links
    where contact_id is not null

)

select * from final
