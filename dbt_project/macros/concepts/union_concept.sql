{#
    Where no source states the concept: no rows, but columns with their types.
    A custom source may name the customer of an order or an event by an e-mail address: its domain
    gets the form that identity has (the other concepts: parse_values). is_as_stated: for lookups,
    which come before that. A column that a custom source's model does not have is null: the model was
    written before the concept had the column.
#}
{% macro union_concept(concept, is_as_stated=false) %}
    {%- set columns = concept_columns(concept) -%}
    {%- set sources = sources_of_concept(concept) -%}
    {%- set parsed_later = ['identifiers', 'attributes', 'consents', 'checkouts'] -%}
    {%- set names_customer = 'identifier_value' in columns and concept not in parsed_later -%}
    {%- for source in sources %}
        {%- set is_custom = concept in (var('custom_concept_sources', none) or {}).get(source, []) -%}
        {%- set is_parsed = is_custom and names_customer and not is_as_stated %}
        {%- set relation = ref('cnf_' ~ source ~ '__' ~ concept) %}
        {%- set known = [] %}
        {%- for column in adapter.get_columns_in_relation(relation) if is_custom and execute %}
            {%- do known.append(column.name | lower) %}
        {%- endfor %}
        select
            '{{ source }}' as source,
            {%- for column, type in columns.items() %}
            {% if known and column not in known -%}
            cast(null as {{ type }}) as {{ column }}
            {%- elif is_parsed and column == 'identifier_value' -%}
            case
                when domains.email_domain is null then stated.identifier_value
                else {{ with_email_domain('stated.identifier_value', 'domains.email_domain') }}
            end as identifier_value
            {%- else -%}
            {{ 'stated.' if is_parsed }}{{ column }}
            {%- endif %}
            {%- if not loop.last %},{% endif %}
            {%- endfor %}
        from {{ relation }}
        {%- if is_parsed %} as stated
        left join {{ ref('cnf_lookups__email_domains') }} as domains
            on {{ unparsed_email_domain('stated.identifier_type', 'stated.identifier_value') }} = domains.domain_text
        {%- endif %}
        {%- if not loop.last %}

        union all
        {% endif %}
    {%- else %}
        select
            cast(null as {{ dbt.type_string() }}) as source
            {%- for column, type in columns.items() %},
            cast(null as {{ type }}) as {{ column }}
            {%- endfor %}
        where false
    {%- endfor -%}
{% endmacro %}
