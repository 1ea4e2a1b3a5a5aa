{{ config(materialized='table') }}
{#
    Fields are found by pattern at any depth, without their path: a record may be nested as in its
    API, or have headers of its own. A text that is not JSON, or a value with several parts, becomes
    one unnamed field per part.
#}
with

records as (

    select * from {{ ref('stg_quarantine__consent_records') }}

),

pairs as (

    select
        quarantine_id,
        {{ explode_matches('record', json_pair_pattern()) }} as pair
    from records
    where is_parsed

),

named as (

    select
        quarantine_id,
        {{ json_pair_name('pair') }} as field,
        {{ json_pair_value('pair') }} as value
    from pairs

),

texts as (

    select
        quarantine_id,
        record as value
    from records
    where not is_parsed

    union all

    select
        quarantine_id,
        value
    from named
    where {{ matches_pattern('value', "'[;|\\t]'") }}

),

parts as (

    select
        quarantine_id,
        {{ explode_matches('value', "'[^,;|\\t\\r\\n\"]+'") }} as value
    from texts

),

united as (

    select
        quarantine_id,
        field,
        trim(value) as value
    from named

    union all

    select
        quarantine_id,
        '' as field,
        trim(value) as value
    from parts

),

final as (

    select distinct
        quarantine_id,
        field,
        value
    from united
    where value <> ''

)

select * from final
