with source as (

    select * from {{ source('meta_ads', 'basic_ad_action_values') }}

),

final as (

    select
        source.ad_id,
        lower({{ clean_text('source.action_type') }}) as action_type,
        source.{{ adapter.quote('value') }} as action_amount,
        source.{{ adapter.quote('date') }} as action_date,
        {{ record_state() }}
    from source

)

select * from final
