{{ config(materialized='view') }}
{#
    grain: one row per deal with a contact; key: deal_id
    rebuild: a view over staging
#}
with deals as (

    select * from {{ ref('stg_salesforce__deals') }}
    where is_current and not is_deleted

),

final as (

    select
        cast(deal_id as {{ dbt.type_string() }}) as deal_id,
        'salesforce_contact_id' as identifier_type,
        cast(contact_id as {{ dbt.type_string() }}) as identifier_value
    from deals
    where deal_id is not null and contact_id is not null

)

select * from final
