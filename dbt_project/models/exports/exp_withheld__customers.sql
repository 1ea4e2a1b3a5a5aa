{{ config(meta={'clock': [{'relation': 'dim_consents', 'column': 'expires_at'}]}) }}
{#
    grain: one row per customer who meets a sync's conditions and is not in it; key: withheld_key
    why here: no customer is dropped silently; not delivered; covers every model with meta.export
#}
{% set exports = declared_models('export', required=['purpose', 'channel', 'candidates']) %}
with candidates as (

    {% for export in exports %}
        select distinct
            '{{ export.name }}' as export,
            '{{ export.declared.purpose }}' as purpose,
            '{{ export.declared.channel }}' as channel,
            customer_id
        from {{ ref(export.declared.candidates) }}
        where ({{ export.declared.candidates_where | default('true') }}) and customer_id is not null
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

),

exported as (

    {% for export in exports %}
        select distinct
            '{{ export.name }}' as export,
            customer_id
        from {{ ref(export.name) }}
        {% if not loop.last %}

            union all

        {% endif %}
    {% endfor %}

),

consents as (

    select * from {{ ref('dim_consents') }}

),

reasoned as (

    select
        candidates.export,
        candidates.customer_id,
        case
            when consents.status is null then 'no_consent:unknown'
            when consents.status <> 'granted' then 'no_consent:' || consents.status
            when consents.expires_at <= {{ as_of() }} then 'no_consent:expired'
            else 'no_identifier'
        end as reason
    from candidates
    left join exported
        on candidates.export = exported.export and candidates.customer_id = exported.customer_id
    left join consents
        on
            candidates.customer_id = consents.customer_id
            and candidates.purpose = consents.purpose
            and candidates.channel = consents.channel
    where exported.customer_id is null

),

final as (

    select
        {{ md5_hex("export || '|' || customer_id") }} as withheld_key,
        export,
        customer_id,
        reason
    from reasoned

)

select * from final
