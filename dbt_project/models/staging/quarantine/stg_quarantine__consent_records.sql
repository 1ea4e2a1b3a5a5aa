{#
    A record is in quarantine until it is replayed. Its text is kept here: models that read it say what it means.
#}
with source as (

    select * from {{ source('quarantine', 'records') }}

),

consent_records as (

    select * from {{ ref('consent_records') }}

),

final as (

    select
        source.quarantine_id,
        source.source,
        source.entity,
        source.field,
        source.rule,
        source.record,
        coalesce({{ is_json('source.record') }} and substr(trim(source.record), 1, 1) = '{', false) as is_parsed,
        source.quarantined_at
    from source
    inner join consent_records
        on source.source = consent_records.source and source.entity = consent_records.entity
    where source.replayed_at is null

)

select * from final
