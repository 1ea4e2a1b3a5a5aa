{{ config(materialized='view') }}
{#
    grain: one row per deal and contact of the deal
    rebuild: a view over staging
#}
with deals as (

    select * from {{ ref('stg_salesforce__deals') }}
    where is_current and not is_deleted

),

roles as (

    select * from {{ ref('stg_salesforce__deal_contacts') }}
    where is_current and not is_deleted

),

marked as (

    select distinct deal_id
    from roles
    where is_primary

),

stated as (

    select
        deal_id,
        contact_id,
        contact_role,
        is_primary
    from roles

    union all

    -- The contact from which the deal was made: the primary one where no role says otherwise.
    select
        deals.deal_id,
        deals.contact_id,
        null as contact_role,
        marked.deal_id is null as is_primary
    from deals
    left join marked on deals.deal_id = marked.deal_id

),

final as (

    select
        cast(deal_id as {{ dbt.type_string() }}) as deal_id,
        'salesforce_contact_id' as identifier_type,
        cast(contact_id as {{ dbt.type_string() }}) as identifier_value,
        min(contact_role) as contact_role,
        max(case when is_primary then 1 else 0 end) = 1 as is_primary
    from stated
    where deal_id is not null and contact_id is not null
    group by 1, 2, 3

)

select * from final
