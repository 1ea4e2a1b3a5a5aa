with source as (

    select * from {{ source('google_ads', 'account_history') }}

),

final as (

    select
        source.id as account_id,
        {{ clean_text('source.descriptive_name') }} as account_name,
        {{ normalize_currency('source.currency_code') }} as currency_code,
        {{ clean_text('source.time_zone') }} as time_zone,
        source.updated_at,
        source._deleted_at is not null as is_deleted,
        -- One row per change: the newest row that is not superseded is current.
        source._superseded_at is null and row_number() over (
            partition by source.id, source._superseded_at is null
            order by source.updated_at desc, source._loaded_at desc
        ) = 1 as is_current,
        source._loaded_at as loaded_at
    from source

)

select * from final
