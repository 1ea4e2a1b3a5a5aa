{#
    grain: one row per (quarantine_id, identifier_type, identifier_value) that a consent record in
        quarantine names
    rebuild: full table
    why here: an unreadable record may still name the person it concerns
#}
with

fields as (

    select
        quarantine_id as record_key,
        field,
        value
    from {{ ref('stg_quarantine__consent_fields') }}

    union all

    select
        quarantine_id as record_key,
        'text' as field,
        record as value
    from {{ ref('stg_quarantine__consent_records') }}

),

found as (

    {{ find_identifiers('fields', ['user_id', 'anonymous_id', 'shopify_customer_id']) }}

),

final as (

    select
        record_key as quarantine_id,
        identifier_type,
        identifier_value,
        is_exact
    from found

)

select * from final
