{{ config(materialized='view') }}
{#
    grain: one row per device, taxonomy entry, provider and load; expired rows included
    rebuild: a view over staging
#}
with interests as (

    select * from {{ ref('stg_third_party__audience_segments') }}
    where is_current and not is_deleted

),

final as (

    select
        'anonymous_id' as identifier_type,
        cookie_id as identifier_value,
        taxonomy_id,
        segment_name,
        provider,
        consent_string,
        collected_at,
        expires_at,
        loaded_at
    from interests

)

select * from final
