with source as (

    select * from {{ source('hubspot_fivetran', 'merged_deal') }}

),

final as (

    select
        source.deal_id,
        source.merged_deal_id,
        {{ record_state() }}
    from source

)

select * from final
