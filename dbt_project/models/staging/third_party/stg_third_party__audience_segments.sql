with source as (

    {{ union_feeds('third_party', 'audience_segments') }}

),

final as (

    select
        source.cookie_id,
        coalesce(lower({{ clean_text('source.id_type') }}), 'cookie') as id_type,
        source.segment_taxonomy as taxonomy_id,
        {{ clean_text('source.segment_name') }} as segment_name,
        source.provider,
        {{ clean_text('source.consent_string') }} as consent_string,
        source.collected_at,
        source.expires_at,
        {{ record_state() }}
    from source

)

select * from final
