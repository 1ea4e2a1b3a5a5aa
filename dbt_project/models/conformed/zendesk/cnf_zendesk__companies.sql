{{ config(materialized='view') }}
{#
    grain: one row per company that is not deleted; key: company_id
    rebuild: a view over staging
#}
with companies as (

    select * from {{ ref('stg_zendesk__organizations') }}
    where is_current and not is_deleted

),

final as (

    select
        cast(organization_id as {{ dbt.type_string() }}) as company_id,
        cast(null as {{ dbt.type_string() }}) as parent_company_id,
        organization_name as company_name,
        cast(domain as {{ dbt.type_string() }}) as domain,
        cast(null as {{ dbt.type_string() }}) as industry,
        cast(null as {{ dbt.type_string() }}) as city,
        cast(null as {{ dbt.type_string() }}) as country_code,
        created_at,
        updated_at,
        loaded_at
    from companies

)

select * from final
