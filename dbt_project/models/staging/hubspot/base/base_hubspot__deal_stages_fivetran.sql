with source as (

    select * from {{ source('hubspot_fivetran', 'deal_stage') }}

),

final as (

    select
        source.deal_id,
        source.{{ adapter.quote('value') }} as stage_id,
        coalesce(source.date_entered, source._fivetran_start) as entered_at,
        {{ record_state() }}
    from source

)

select * from final
