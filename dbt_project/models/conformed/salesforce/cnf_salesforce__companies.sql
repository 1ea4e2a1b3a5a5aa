{{ config(materialized='view') }}
{#
    grain: one row per company that is not deleted; key: company_id
    rebuild: a view over staging
#}
with companies as (

    select * from {{ ref('stg_salesforce__companies') }}
    where is_current and not is_deleted

),

final as (

    select
        cast(company_id as {{ dbt.type_string() }}) as company_id,
        cast(parent_company_id as {{ dbt.type_string() }}) as parent_company_id,
        company_name,
        cast(domain as {{ dbt.type_string() }}) as domain,
        cast(industry as {{ dbt.type_string() }}) as industry,
        cast(city as {{ dbt.type_string() }}) as city,
        cast(country_code as {{ dbt.type_string() }}) as country_code,
        created_at,
        updated_at,
        loaded_at
    from companies

)

select * from final
