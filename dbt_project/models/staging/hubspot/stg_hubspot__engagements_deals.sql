with source as (

    select * from {{ source('hubspot_fivetran', 'engagement_deal') }}

),

final as (

    select
        -- Rows without a type come from an older connection.
        lower(coalesce(source.engagement_type, 'CALL')) as engagement_type,
        source.engagement_id,
        source.deal_id,
        {{ record_state("source._fivetran_deleted") }}
    from source

)

select * from final
