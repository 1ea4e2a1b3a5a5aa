{#
    grain: one row per (decision_key, identifier_type, identifier_value); a decision without
        identifiers has one row
    rebuild: full table
    why here: every source's decisions in one shape and in its own words, landed or in quarantine
#}
with

unioned as (

    {{ union_concept('consents') }}

),

final as (

    select
        decision_key,
        source,
        entity,
        record_key,
        quarantine_id,
        word_field,
        identifier_type,
        identifier_value,
        coalesce(decision_word, '') as decision_word,
        coalesce(purpose_word, '') as purpose_word,
        coalesce(channel_word, '') as channel_word,
        is_exact,
        is_parsed,
        decided_at,
        arrived_at
    from unioned

)

select * from final
