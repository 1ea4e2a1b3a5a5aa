with source as (

    select * from {{ source('meta_ads', 'account_history') }}

),

final as (

    select
        source.id as account_id,
        {{ clean_text('source.name') }} as account_name,
        {{ normalize_currency('source.currency') }} as currency_code,
        source._fivetran_synced as updated_at,
        source._deleted_at is not null as is_deleted,
        -- One row per change: the newest row that is not superseded is current.
        source._superseded_at is null and row_number() over (
            partition by source.id, source._superseded_at is null
            order by source._fivetran_synced desc, source._loaded_at desc
        ) = 1 as is_current,
        source._loaded_at as loaded_at
    from source

)

select * from final
