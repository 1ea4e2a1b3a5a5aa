{#
    grain: one row per colleague who owns records of a CRM; key: owner_id
#}
with owners as (

    select * from {{ ref('int_crm__owners') }}

),

final as (

    select
        owner_id,
        source,
        email,
        first_name,
        last_name,
        is_active,
        is_listed
    from owners

)

select * from final
