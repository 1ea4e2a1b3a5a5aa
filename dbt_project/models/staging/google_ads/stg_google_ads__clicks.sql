with source as (

    select * from {{ source('google_ads', 'click_view') }}

),

final as (

    select
        source.gclid,
        {{ clean_text('source.campaign_id') }} as campaign_id,
        {{ clean_text('source.customer_id') }} as account_id,
        source.{{ adapter.quote('date') }} as clicked_date,
        source._loaded_at as loaded_at
    from source

)

select * from final
