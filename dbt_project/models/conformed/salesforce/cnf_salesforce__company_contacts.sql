{{ config(materialized='view') }}
{#
    grain: one row per company and person of the company
    rebuild: a view over staging
#}
with persons as (

    select * from {{ ref('stg_salesforce__contacts') }}
    where is_current and not is_deleted

),

final as (

    select distinct
        cast(company_id as {{ dbt.type_string() }}) as company_id,
        'salesforce_contact_id' as identifier_type,
        cast(contact_id as {{ dbt.type_string() }}) as identifier_value
    from persons
    where company_id is not null and contact_id is not null

)

select * from final
