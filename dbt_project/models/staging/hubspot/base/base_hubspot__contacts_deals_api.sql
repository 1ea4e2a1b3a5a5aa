with source as (

    select * from {{ source('hubspot', 'contacts__deals') }}

),

final as (

    select
        source.{{ adapter.quote('value') }} as contact_id,
        source.deals_id as deal_id,
        {{ record_state(updated_at='source._loaded_at') }}
    from source

)

select * from final
