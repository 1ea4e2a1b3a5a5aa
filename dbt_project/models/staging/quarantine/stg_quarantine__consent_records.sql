{#
    A record is in quarantine until it is replayed. This model keeps its text; its readers interpret
    it.
#}
with records as (

    select * from {{ source('quarantine', 'records') }}

),

consent_records as (

    select * from {{ ref('consent_records') }}

),

final as (

    select
        records.quarantine_id,
        records.source,
        records.entity,
        records.field,
        records.rule,
        records.record,
        coalesce({{ is_json('records.record') }} and substr(trim(records.record), 1, 1) = '{', false) as is_parsed,
        records.quarantined_at
    from records
    inner join consent_records
        on records.source = consent_records.source and records.entity = consent_records.entity
    where records.replayed_at is null

)

select * from final
