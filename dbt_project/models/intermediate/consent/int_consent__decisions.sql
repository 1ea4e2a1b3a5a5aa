{#
    grain: one row per (decision_key, identifier_type, identifier_value); a decision without identifiers has one row
    rebuild: full table
    why here: every source's way to say yes or no, in one shape and in its own words, landed or in quarantine
#}
{%- set sources = [
    'consent_banner', 'shopify', 'shopify_graphql', 'klaviyo', 'hubspot', 'hubspot_fivetran', 'salesforce'
] -%}
with

{% for source in sources %}
    {{ source }} as (

        select * from {{ ref('cnf_' ~ source ~ '__consents') }}

    ),

{% endfor %}
united as (

    {% for source in sources %}
        select
            '{{ source }}' as source,
            {{ source }}.*
        from {{ source }}
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

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
    from united

)

select * from final
