{#
    The consents of an entity's records in quarantine, in the shape of cnf_<source>__consents: one
    row per statement and identifier. A record that landed after it was refused is repaired and left
    out.
    keys: JSON paths of the record's key, one per loader. landed, landed_key: the staging model and
    its key. own_type: the identifier type of that key; refused and landed records have the same own
    identifier.
    statements: [{name, field, decision, purpose, channel}]. decision is SQL over the columns record
    and is_parsed; where is_parsed is false, the decision cannot be read and may be a no. The others
    are as in state_consents.
#}
{% macro quarantined_consents(source, entity, keys, landed, landed_key, own_type, statements) -%}
    {%- set key = json_of_quarantine(keys) -%}
    {%- for statement in statements %}
        select
            concat('quarantine:', records.quarantine_id, ':{{ statement.name }}') as decision_key,
            '{{ entity }}' as entity,
            records.record_key,
            records.quarantine_id,
            '{{ statement.field }}' as word_field,
            {# A text without its key is not a known record of this entity: it cannot be read. #}
            case when records.record_key is not null then coalesce({{ statement.decision }}, 'none') end as decision_word,
            {{ statement.purpose }} as purpose_word,
            {{ statement.channel }} as channel_word,
            identifiers.identifier_type,
            identifiers.identifier_value,
            cast(null as {{ dbt.type_string() }}) as fallback_value,
            coalesce(identifiers.is_exact, false) as is_exact,
            records.is_parsed,
            cast(null as timestamp) as decided_at,
            records.quarantined_at as arrived_at
        from (
            select
                *,
                {{ key }} as record_key
            from {{ ref('stg_quarantine__consent_records') }}
            where source = '{{ source }}' and entity = '{{ entity }}'
        ) as records
        left join (
            select
                quarantine_id,
                identifier_type,
                identifier_value,
                max(case when is_exact then 1 else 0 end) = 1 as is_exact
            from (
                select
                    quarantine_id,
                    identifier_type,
                    identifier_value,
                    is_exact
                from {{ ref('cnf_quarantine__identifiers') }}

                union all

                select
                    quarantine_id,
                    '{{ own_type }}' as identifier_type,
                    {{ key }} as identifier_value,
                    true as is_exact
                from {{ ref('stg_quarantine__consent_records') }}
                where source = '{{ source }}' and entity = '{{ entity }}' and {{ key }} is not null
            ) as named
            group by 1, 2, 3
        ) as identifiers
            on records.quarantine_id = identifiers.quarantine_id
        left join (
            select
                {{ landed_key }} as landed_key,
                max(loaded_at) as landed_at
            from {{ landed }}
            group by 1
        ) as repaired
            on records.record_key = repaired.landed_key and records.quarantined_at < repaired.landed_at
        where repaired.landed_key is null
        {%- if not loop.last %}

            union all

        {% endif %}
    {%- endfor %}
{%- endmacro %}
