with source as (

    select * from {{ source('meta_ads', 'creative_history') }}

),

final as (

    select
        source.id as creative_id,
        {{ clean_text('source.account_id') }} as account_id,
        {{ clean_text('source.name') }} as creative_name,
        {{ clean_text('source.page_link') }} as landing_page_url,
        {{ clean_text('source.url_tags') }} as url_tags,
        {{ record_state() }}
    from source

)

select * from final
