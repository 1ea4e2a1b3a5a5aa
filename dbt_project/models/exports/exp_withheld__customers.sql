{#
    grain: one row per customer who met an export's conditions and is not in it; key: withheld_key
    why here: so that nobody is dropped in silence; delivered nowhere, and each export with a sync has its entry below
#}
{% set exports = [
    {
        'name': 'exp_meta__lapsed_buyers',
        'records': ref('exp_meta__lapsed_buyers'),
        'candidates': ref('seg_lapsed_buyers'),
        'purpose': 'advertising',
        'channel': 'ads',
    },
    {
        'name': 'exp_hubspot__customer_value',
        'records': ref('exp_hubspot__customer_value'),
        'candidates': ref('bdg_customer_identifiers'),
        'where': "identifier_type = 'hubspot_contact_id'",
        'purpose': 'customer_service',
        'channel': 'crm',
    },
    {
        'name': 'exp_webhook__abandoned_cart',
        'records': ref('exp_webhook__abandoned_cart'),
        'candidates': ref('seg_abandoned_cart'),
        'purpose': 'email_marketing',
        'channel': 'email',
    },
] %}
with candidates as (

    {% for export in exports %}
        select distinct
            '{{ export.name }}' as export,
            '{{ export.purpose }}' as purpose,
            '{{ export.channel }}' as channel,
            customer_id
        from {{ export.candidates }}
        where {{ export.where | default('true') }} and customer_id is not null
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
        from {{ export.records }}
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
