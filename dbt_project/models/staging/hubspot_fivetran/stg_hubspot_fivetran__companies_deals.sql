with source as (

    select * from {{ source('hubspot_fivetran', 'deal_company') }}

),

final as (

    select
        source.company_id,
        source.deal_id,
        source.type_id as association_type_id,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
