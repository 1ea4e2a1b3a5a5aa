{#
    One block of int_events__unioned: the rows of a staging model in the one shape of events.
    source: name of the source. relation: the staging model. event_type: track, page, screen, identify or group.
    identifiers: the columns that name a person or device, the strongest first; each is named as its identifier type.
    given: {column: SQL} for the other columns; what is not given is null. where: SQL.
#}
{% macro shape_events(source, relation, event_type, identifiers, given, where='true') -%}
    {%- set types = {
        'event_name': dbt.type_string(), 'source_session_id': dbt.type_string(), 'product_id': dbt.type_string(),
        'product_category': dbt.type_string(), 'cart_id': dbt.type_string(), 'checkout_id': dbt.type_string(),
        'order_id': dbt.type_string(), 'page_path': dbt.type_string(), 'referrer_domain': dbt.type_string(),
        'utm_source': dbt.type_string(), 'utm_medium': dbt.type_string(), 'utm_campaign': dbt.type_string(),
        'gclid': dbt.type_string(), 'fbclid': dbt.type_string(), 'currency_code': dbt.type_string(),
        'value_amount': 'decimal(18, 2)', 'quantity': 'bigint', 'properties': dbt.type_string()
    } -%}
    select
        cast(event_id as {{ dbt.type_string() }}) as event_id,
        case
            {%- for identifier in identifiers[:-1] %}
            when {{ identifier }} is not null then '{{ identifier }}'
            {%- endfor %}
            else '{{ identifiers[-1] }}'
        end as identifier_type,
        cast(coalesce({{ (identifiers + ['null']) | join(', ') }}) as {{ dbt.type_string() }}) as identifier_value,
        '{{ source }}' as source,
        {{ event_type }} as event_type,
        {%- for column, type in types.items() %}
        cast({{ given.get(column, 'null') }} as {{ type }}) as {{ column }},
        {%- endfor %}
        coalesce({{ given.get('is_bot', 'false') }}, false) as is_bot,
        occurred_at,
        loaded_at
    from {{ relation }}
    where {{ where }}
{%- endmacro %}
