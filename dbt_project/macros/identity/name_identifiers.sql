{#
    One block of a cnf_<source>__identifiers model: a row per record and identifier that it names,
    including its own.
    The own identifier is the first column of `own` that is not null. The others are connected to
    it.
    record_type: as in the seed match_rules. relation: a model or CTE. record_id: SQL.
    own: {identifier type: column}, the strongest first. A record that has none of them is left out.
    named: [[identifier type, column], ...], the other identifiers of the record.
    is_living: SQL, false where the record is not evidence any more. first_seen_at, last_seen_at:
    SQL of two moments.
    is_grouped: for events, which are counted per combination of identifiers.
#}
{% macro name_identifiers(
    record_type, relation, record_id, own, named=[], is_living='true', first_seen_at='created_at',
    last_seen_at='updated_at', where='true', is_grouped=false
) -%}
    {%- set own_columns = (own.values() | list + ['cast(null as ' ~ dbt.type_string() ~ ')']) | join(', ') -%}
    {%- set identifier_type -%}
        case slots.slot
            when 0 then records.own_type
            {%- for type, _ in named %}
            when {{ loop.index }} then '{{ type }}'
            {%- endfor %}
        end
    {%- endset -%}
    {%- set identifier_value -%}
        case slots.slot
            when 0 then records.own_value
            {%- for _ in named %}
            when {{ loop.index }} then records.named_{{ loop.index }}
            {%- endfor %}
        end
    {%- endset -%}
    select
        '{{ record_type }}' as record_type,
        records.record_id,
        records.own_type,
        records.own_value,
        {{ identifier_type }} as identifier_type,
        {{ identifier_value }} as identifier_value,
        cast(sum(records.times_seen) as bigint) as times_seen,
        max(case when records.is_living then 1 else 0 end) = 1 as is_living,
        min(records.first_loaded_at) as first_loaded_at,
        max(records.last_loaded_at) as last_loaded_at,
        min(records.first_seen_at) as first_seen_at,
        max(records.last_seen_at) as last_seen_at
    from (
        select
            {{ record_id }} as record_id,
            case
                {%- for type, column in own.items() %}
                when {{ column }} is not null then '{{ type }}'
                {%- endfor %}
            end as own_type,
            coalesce({{ own_columns }}) as own_value,
            {%- for _, column in named %}
            {{ column }} as named_{{ loop.index }},
            {%- endfor %}
            {%- if is_grouped %}
            cast(count(*) as bigint) as times_seen,
            true as is_living,
            min(loaded_at) as first_loaded_at,
            max(loaded_at) as last_loaded_at,
            min({{ first_seen_at }}) as first_seen_at,
            max({{ last_seen_at }}) as last_seen_at
            {%- else %}
            cast(1 as bigint) as times_seen,
            {{ is_living }} as is_living,
            loaded_at as first_loaded_at,
            loaded_at as last_loaded_at,
            {#- A source may date the last change of a record before its creation. #}
            {%- set first = 'coalesce(' ~ first_seen_at ~ ', ' ~ last_seen_at ~ ', loaded_at)' %}
            {%- set last = 'coalesce(' ~ last_seen_at ~ ', ' ~ first_seen_at ~ ', loaded_at)' %}
            least({{ first }}, {{ last }}) as first_seen_at,
            greatest({{ first }}, {{ last }}) as last_seen_at
            {%- endif %}
        from {{ relation }}
        where {{ where }} and coalesce({{ own_columns }}) is not null
        {%- if is_grouped %}
        group by {{ (own.values() | list + named | map('last') | list) | unique | join(', ') }}
        {%- endif %}
    ) as records
    {#- One scan: each record is joined with the columns that may hold an identifier. #}
    cross join (
        {%- for slot in range(named | length + 1) %}
        select {{ slot }} as slot{{ ' union all' if not loop.last }}
        {%- endfor %}
    ) as slots
    where
        {{ identifier_value }} <> ''
        and (
            slots.slot = 0
            or {{ identifier_type }} <> records.own_type
            or {{ identifier_value }} <> records.own_value
        )
    group by 1, 2, 3, 4, 5, 6
{%- endmacro %}
