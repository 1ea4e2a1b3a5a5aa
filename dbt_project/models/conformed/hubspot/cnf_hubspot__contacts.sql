{{ config(materialized='view') }}
{#
    grain: one row per contact that is not deleted; key: identifier_value
    rebuild: a view over staging
#}
with contacts as (

    select * from {{ ref('stg_hubspot__contacts') }}
    where is_current and not is_deleted

),

final as (

    select
        'hubspot_contact_id' as identifier_type,
        cast(contact_id as {{ dbt.type_string() }}) as identifier_value
    from contacts

)

select * from final
