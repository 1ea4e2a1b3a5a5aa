{#
    One block of a cnf_<source>__attributes model: a row per record and attribute for which it has a
    value.
    record_type: as in the seed attribute_rules. record_id: SQL, unique among the rows of
    `relation`.
    identifier: [SQL of the identifier's type, SQL of its value], which names the record's customer.
    offered: {attribute: SQL}.
    allows_matching, allows_attributes: SQL, whether a record's values may be compared with those of
    others, and shown on a customer.
    matching_only, shown_only: attributes for only one of the two.
    verified: {attribute: SQL}, whether the source verified the value.
#}
{% macro offer_attributes(
    record_type, relation, record_id, identifier, observed_at, offered, allows_matching='true',
    allows_attributes='true', matching_only=[], shown_only=[], verified={}
) -%}
    select
        '{{ record_type }}' as record_type,
        records.record_id,
        records.identifier_type,
        records.identifier_value,
        case slots.slot
            {%- for attribute in offered %}
            when {{ loop.index }} then '{{ attribute }}'
            {%- endfor %}
        end as attribute,
        case slots.slot
            {%- for attribute in offered %}
            when {{ loop.index }} then records.value_{{ loop.index }}
            {%- endfor %}
        end as value,
        {%- for flag, without in [('allows_matching', shown_only), ('allows_attributes', matching_only)] %}
        {%- set slots_without = [] -%}
        {%- for attribute in offered if attribute in without -%}
            {%- do slots_without.append((offered.keys() | list).index(attribute) + 1) -%}
        {%- endfor %}
        records.{{ flag }}
            {%- if slots_without %} and slots.slot not in ({{ slots_without | join(', ') }}){% endif %} as {{ flag }},
        {%- endfor %}
        {% if verified -%}
            case slots.slot
                {%- for attribute in offered if attribute in verified %}
                when {{ (offered.keys() | list).index(attribute) + 1 }} then records.is_{{ attribute }}_verified
                {%- endfor %}
                else false
            end
        {%- else -%}
            false
        {%- endif %} as is_verified,
        records.observed_at
    from (
        select
            {{ record_id }} as record_id,
            {{ identifier[0] }} as identifier_type,
            {{ identifier[1] }} as identifier_value,
            {%- for value in offered.values() %}
            cast({{ value }} as {{ dbt.type_string() }}) as value_{{ loop.index }},
            {%- endfor %}
            {%- for attribute, sql in verified.items() %}
            coalesce({{ sql }}, false) as is_{{ attribute }}_verified,
            {%- endfor %}
            {{ allows_matching }} as allows_matching,
            {{ allows_attributes }} as allows_attributes,
            {{ observed_at }} as observed_at
        from {{ relation }}
    ) as records
    cross join (
        {%- for _ in offered %}
        select {{ loop.index }} as slot{{ ' union all' if not loop.last }}
        {%- endfor %}
    ) as slots
    where
        case slots.slot
            {%- for _ in offered %}
            when {{ loop.index }} then records.value_{{ loop.index }}
            {%- endfor %}
        end is not null
{%- endmacro %}
