{{ config(materialized='view') }}
{#
    grain: one row per contact and source; key: source, contact_id
    rebuild: nothing is stored; the current version of each record that its source has not deleted
    why here: FURTHER CRM SOURCES ENTER HERE: one staging model with these columns, one more `union all` block
#}
with unioned as (

    select
        'hubspot' as source,
        contact_id,
        owner_id,
        company_id,
        lifecycle_stage,
        updated_at,
        loaded_at
    from {{ ref('stg_hubspot__contacts') }}
    where is_current and not is_deleted

    union all

    select
        'salesforce' as source,
        contact_id,
        owner_id,
        company_id,
        lifecycle_stage,
        updated_at,
        loaded_at
    from {{ ref('stg_salesforce__contacts') }}
    where is_current and not is_deleted

),

final as (

    select
        source,
        cast(contact_id as {{ dbt.type_string() }}) as contact_id,
        case when source = 'salesforce' then 'salesforce_contact_id' else 'hubspot_contact_id' end
            as identifier_type,
        cast(owner_id as {{ dbt.type_string() }}) as owner_id,
        cast(company_id as {{ dbt.type_string() }}) as company_id,
        lifecycle_stage,
        updated_at,
        loaded_at
    from unioned

)

select * from final
