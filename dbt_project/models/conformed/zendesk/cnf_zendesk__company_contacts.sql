{{ config(materialized='view') }}
{#
    grain: one row per company and person of the company
    rebuild: a view over staging
#}
with persons as (

    select * from {{ ref('stg_zendesk__users') }}
    where is_current and not is_deleted

),

final as (

    select distinct
        cast(organization_id as {{ dbt.type_string() }}) as company_id,
        'zendesk_user_id' as identifier_type,
        cast(zendesk_user_id as {{ dbt.type_string() }}) as identifier_value
    from persons
    where organization_id is not null and zendesk_user_id is not null

)

select * from final
