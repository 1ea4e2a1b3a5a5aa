with source as (

    select * from {{ source('meta_ads', 'campaign_history') }}

),

final as (

    select
        source.id as campaign_id,
        {{ clean_text('source.account_id') }} as account_id,
        {{ clean_text('source.name') }} as campaign_name,
        lower({{ clean_text('source.status') }}) as status,
        source.updated_time as updated_at,
        source._deleted_at is not null as is_deleted,
        -- One row per change: the newest row that is not superseded is current.
        source._superseded_at is null and row_number() over (
            partition by source.id, source._superseded_at is null
            order by source.updated_time desc, source._loaded_at desc
        ) = 1 as is_current,
        source._loaded_at as loaded_at
    from source

)

select * from final
