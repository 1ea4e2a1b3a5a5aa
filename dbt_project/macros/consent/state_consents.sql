{#
    The consents that a source's records state, in the shape of cnf_<source>__consents: one row per
    statement and identifier.
    source, entity: as in source.yml. relation: the name of a CTE with staging's columns.
    record_key: SQL.
    statements: [{name, field, decision, purpose, channel, decided_at}], all SQL except name (unique
    per record) and field (the field that holds the decision). A decision that is null or 'none'
    states nothing.
    identifiers: [[identifier type, SQL]], the record's own identifier first. A yes counts for that
    one alone, because the others may belong to another person. A no counts for all.
#}
{% macro state_consents(source, entity, relation, record_key, statements, identifiers) -%}
    {%- for statement in statements %}
        select
            concat('{{ source }}:{{ entity }}:', {{ record_key }}, ':{{ statement.name }}') as decision_key,
            '{{ entity }}' as entity,
            {{ record_key }} as record_key,
            cast(null as {{ dbt.type_string() }}) as quarantine_id,
            '{{ statement.field }}' as word_field,
            {{ statement.decision }} as decision_word,
            {{ statement.purpose }} as purpose_word,
            {{ statement.channel }} as channel_word,
            {{ _slot_case(identifiers, 0) }} as identifier_type,
            {{ _slot_case(identifiers, 1) }} as identifier_value,
            cast(null as {{ dbt.type_string() }}) as fallback_value,
            slots.slot = 0 as is_exact,
            true as is_parsed,
            {{ statement.decided_at }} as decided_at,
            {{ relation }}.loaded_at as arrived_at
        from {{ relation }}
        cross join (
            {% for identifier in identifiers -%}
                select {{ loop.index0 }} as slot{{ ' union all ' if not loop.last }}
            {%- endfor %}
        ) as slots
        where
            {# coalesce: DuckDB fails to compare a value that is null by its statistics (an empty column). #}
            coalesce({{ statement.decision }}, 'none') <> 'none'
            and {{ _slot_case(identifiers, 1) }} is not null
            and (slots.slot = 0 or coalesce({{ statement.decision }}, 'none') not in ('subscribed', 'confirmed'))
        {%- if not loop.last %}

            union all

        {% endif %}
    {%- endfor %}
{%- endmacro %}

{% macro _slot_case(identifiers, part) -%}
    case slots.slot
        {%- for identifier in identifiers %}
        when {{ loop.index0 }} then {{ "'" ~ identifier[0] ~ "'" if part == 0 else identifier[1] }}
        {%- endfor %}
    end
{%- endmacro %}
