{#
    Columns of raw tables that contain phones, and those that contain the record's country (the
    first known one counts). Staging models that join stg_lookups__phone_numbers list their columns
    here; a test compares the two.
#}
{%- set buyer_phone = ['coalesce(source.phone, source.shipping_address_phone)'] -%}
{%- set address = ['source.shipping_address_country_code', 'source.shipping_address_country'] -%}
{%- set mailing = ['source.mailing_country_code', 'source.mailing_country'] -%}
{%- set places = [
    ('hubspot', 'contacts', ['source.phone', 'source.mobilephone'], ['source.country']),
    (
        'hubspot_fivetran', 'contact',
        ['source.property_phone', 'source.property_mobilephone'], ['source.property_country']
    ),
    ('salesforce', 'contact', ['source.phone', 'source.mobile_phone'], mailing),
    (
        'salesforce', 'lead',
        ['source.phone', 'source.mobile_phone'], ['source.country_code', 'source.country']
    ),
    ('shopify', 'customer', ['source.phone'], []),
    ('shopify', 'order', buyer_phone, address),
    ('shopify', 'abandoned_checkout', buyer_phone, address),
    ('shopify_graphql', 'customer', ['source.phone'], []),
    ('shopify_graphql', 'order', buyer_phone, address),
    ('shopify_graphql', 'abandoned_checkout', buyer_phone, address),
    ('segment', 'identifies', ['source.phone'], []),
    ('segment', 'users', ['source.phone'], []),
    ('klaviyo', 'person', ['source.phone_number'], ['source.country']),
    ('consent_banner', 'decisions', ['source.phone'], []),
    ('zendesk', 'user', ['source.phone'], []),
    ('partner', 'customers', ['source.phone'], ['source.country']),
    ('stripe', 'customer', ['source.phone'], ['source.address_country']),
] -%}

with stated as (

    {% for source_name, entity, phones, countries in places -%}
        {%- set outer_loop = loop -%}
        {%- for phone in phones %}
            select distinct
                {{ phone_text(phone) }} as raw_phone,
                coalesce(
                    {%- for country in countries %}
                        country_{{ loop.index }}.country_code,
                    {%- endfor %}
                    ''
                ) as country_code
            from
                ({{ union_feeds(source_name, entity) if source_name == 'partner'
                    else 'select * from ' ~ source(source_name, entity) }}) as source
                {%- for country in countries %}
                {{ join_country('country_' ~ loop.index, country) }}
                {%- endfor %}
            {%- if not (loop.last and outer_loop.last) %}
                union all
            {%- endif %}
        {%- endfor %}
    {%- endfor %}

),

final as (

    select distinct
        raw_phone,
        country_code
    from stated
    where raw_phone is not null

)

select * from final
