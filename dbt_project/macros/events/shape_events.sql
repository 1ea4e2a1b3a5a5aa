{#
    One select of a cnf_<source>__events model: the rows of a relation with the columns of the
    concept `events`.
    relation: a model or CTE. event_type: SQL; track, page, screen, identify or group.
    identifiers: the columns that name a person or device, the strongest first. Each has the name of
    its identifier type.
    given: {column: SQL} for the other columns; a column that is not given is null. where: SQL.
#}
{% macro shape_events(relation, event_type, identifiers, given, where='true') -%}
    {%- set own = ['event_id', 'identifier_type', 'identifier_value', 'event_type', 'is_bot', 'occurred_at', 'loaded_at'] -%}
    select
        cast(event_id as {{ dbt.type_string() }}) as event_id,
        case
            {%- for identifier in identifiers[:-1] %}
            when {{ identifier }} is not null then '{{ identifier }}'
            {%- endfor %}
            else '{{ identifiers[-1] }}'
        end as identifier_type,
        cast(coalesce({{ (identifiers + ['null']) | join(', ') }}) as {{ dbt.type_string() }}) as identifier_value,
        {{ event_type }} as event_type,
        {%- for column, type in concept_columns('events').items() if column not in own %}
        cast({{ given.get(column, 'null') }} as {{ type }}) as {{ column }},
        {%- endfor %}
        coalesce({{ given.get('is_bot', 'false') }}, false) as is_bot,
        occurred_at,
        loaded_at
    from {{ relation }}
    where {{ where }}
{%- endmacro %}
