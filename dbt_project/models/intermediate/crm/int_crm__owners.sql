{#
    grain: one row per owner, also of those that only a record names; key: owner_id
    why here: records keep the id of a colleague who left, or whom no list has
#}
with listed as (

    {{ union_concept('owners') }}

),

named as (

    select
        owner_id,
        source
    from {{ ref('int_crm__deals') }}
    where owner_id is not null

    union

    select
        owner_id,
        source
    from {{ ref('int_crm__contracts') }}
    where owner_id is not null

),

known as (

    select
        owner_id,
        source,
        email,
        first_name,
        last_name,
        is_active,
        updated_at,
        true as is_listed
    from listed

    union all

    select
        owner_id,
        source,
        null as email,
        null as first_name,
        null as last_name,
        null as is_active,
        null as updated_at,
        false as is_listed
    from named

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
    from known
    qualify
        row_number() over (
            partition by owner_id
            order by is_listed desc, updated_at desc nulls last, source asc
        ) = 1

)

select * from final
