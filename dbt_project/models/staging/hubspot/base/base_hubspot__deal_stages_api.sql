with source as (

    select * from {{ source('hubspot', 'stages_timing_deals') }}

),

final as (

    select
        source.id as deal_id,
        source.stage as stage_id,
        source.hs_v2_date_enteredx as entered_at,
        {{ record_state() }}
    from source

)

select * from final
