with source as (

    select * from {{ source('hubspot_fivetran', 'deal_company') }}

),

states as (

    select
        source.company_id,
        source.deal_id,
        source.type_id as association_type_id,
        {{ record_state("source._fivetran_deleted", updated_at='source._loaded_at') }}
    from source

),

final as (

    select
        company_id,
        deal_id,
        is_deleted,
        -- A link may have several types: it exists while one of them does.
        is_current
        and row_number() over (
            partition by company_id, deal_id, is_current
            order by is_deleted asc, loaded_at desc, association_type_id asc
        ) = 1 as is_current,
        changed_at,
        loaded_at
    from states

)

select * from final
