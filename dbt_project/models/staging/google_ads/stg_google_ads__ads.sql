with source as (

    select * from {{ source('google_ads', 'ad_history') }}

),

final as (

    select
        source.id as ad_id,
        source.ad_group_id,
        {{ clean_text('source.name') }} as ad_name,
        {{ clean_text('source.final_urls') }} as final_urls,
        lower({{ clean_text('source.status') }}) as status,
        source.updated_at,
        source._deleted_at is not null as is_deleted,
        -- One row per change: the newest row that is not superseded is current.
        source._superseded_at is null and row_number() over (
            partition by source.ad_group_id, source.id, source._superseded_at is null
            order by source.updated_at desc, source._loaded_at desc
        ) = 1 as is_current,
        source._loaded_at as loaded_at
    from source

)

select * from final
