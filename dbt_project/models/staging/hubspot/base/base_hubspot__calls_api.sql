with source as (

    select * from {{ source('hubspot', 'calls') }}

),

final as (

    select
        source.id as call_id,
        {{ clean_text('source.hubspot_owner_id') }} as owner_id,
        lower({{ clean_text('source.hs_call_direction') }}) as direction,
        {{ clean_text('source.hs_call_disposition') }} as disposition,
        {{ clean_text('source.hs_call_body') }} as body,
        {{ try_cast_to('floor(source.hs_call_duration / 1000.0)', 'bigint') }} as duration_seconds,
        source.hs_timestamp as occurred_at,
        {{ record_state("source.is_deleted", updated_at='source.hs_lastmodifieddate') }}
    from source

)

select * from final
