{% set months = bounded_var('third_party_max_age_months', 13, 1, 24) %}
{{
    config(
        meta={
            'clock': [
                {'column': 'expires_at'},
                {'column': 'collected_at', 'shift': -months, 'unit': 'month'},
            ]
        }
    )
}}
{#
    grain: one row per device, taxonomy entry and provider that is live at as_of();
        key: device_interest_id
    why here: third-party rows end at their expiry, or some months after collection if that is
        earlier; no name is joined here
#}
with interests as (

    {{ union_concept('device_interests') }}

),

identifiers as (

    select * from {{ ref('int_identity__identifiers') }}

),

live as (

    select *
    from interests
    where
        -- A row without an expiry or a collection date is not live.
        expires_at > {{ as_of() }}
        and collected_at > {{ dbt.dateadd('month', -months, as_of()) }}

),

final as (

    select
        {{ md5_hex(
            "live.identifier_value || '|' || coalesce(live.taxonomy_id, '') || '|' || coalesce(live.provider, '') || '|' "
            ~ "|| coalesce(live.segment_name, '')"
        ) }}
            as device_interest_id,
        live.identifier_value as device_id,
        identifiers.identifier_no,
        live.taxonomy_id,
        live.segment_name,
        live.provider,
        live.consent_string,
        live.collected_at,
        live.expires_at,
        live.loaded_at
    from live
    left join identifiers
        on
            live.identifier_type = identifiers.identifier_type
            and live.identifier_value = identifiers.identifier_value
    qualify
        row_number() over (
            partition by live.identifier_value, live.taxonomy_id, live.provider, live.segment_name
            order by live.collected_at desc, live.expires_at desc, live.loaded_at desc
        ) = 1

)

select * from final
