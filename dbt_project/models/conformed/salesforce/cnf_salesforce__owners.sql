{{ config(materialized='view') }}
{#
    grain: one row per colleague who owns records; key: owner_id
    rebuild: a view over staging
#}
with owners as (

    select * from {{ ref('stg_salesforce__owners') }}
    where is_current

),

final as (

    select
        cast(owner_id as {{ dbt.type_string() }}) as owner_id,
        email,
        first_name,
        last_name,
        not is_deleted as is_active,
        created_at,
        updated_at,
        loaded_at
    from owners

)

select * from final
