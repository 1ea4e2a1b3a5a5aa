{#
    One block of int_traits__golden_records: the attributes that a current record offers to the customer whom it names.
    identifier: [identifier type, column] of the customer; offered: {attribute: column}; what is not offered is null.
#}
{% macro offer_attributes(source, record_type, relation, record_id, identifier, observed_at, offered, where) -%}
    {%- set nothing = 'cast(null as ' ~ dbt.type_string() ~ ')' -%}
    select
        '{{ source }}' as source,
        '{{ record_type }}' as record_type,
        {{ record_id }} as record_id,
        {{ identifier[0] }} as identifier_type,
        {{ identifier[1] }} as identifier_value,
        {%- for attribute in [
            'email', 'phone', 'first_name', 'last_name', 'street', 'city', 'region', 'postal_code', 'country_code',
            'company_name', 'lifecycle_stage', 'loyalty_tier'
        ] %}
        {{ offered.get(attribute, nothing) }} as {{ attribute }},
        {%- endfor %}
        {{ offered.get('birth_date', 'cast(null as date)') }} as birth_date,
        {{ observed_at }} as observed_at
    from {{ relation }}
    where {{ where }}
{%- endmacro %}
