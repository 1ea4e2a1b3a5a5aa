{#
    One select of a cnf_<source>__events model: the rows of a relation with the columns of the
    concept `events`.
    relation: a model or CTE. event_type: SQL; track, page, screen, identify or group.
    persons, devices: the columns that name a person and a device, the strongest first. Each has the
    name of its identifier type. The event belongs to its person, or else to its device; its visit
    belongs to the device.
    given: {column: SQL} for the other columns; a column that is not given is null. where: SQL.
#}
{% macro shape_events(relation, event_type, persons, devices, given, where='true') -%}
    {%- set own = [
        'event_id', 'identifier_type', 'identifier_value', 'device_type', 'device_value', 'event_type', 'is_bot',
        'occurred_at', 'loaded_at',
    ] -%}
    select
        cast(event_id as {{ dbt.type_string() }}) as event_id,
        {{ first_named(persons + devices) }} as identifier_type,
        cast(coalesce({{ (persons + devices + ['null']) | join(', ') }}) as {{ dbt.type_string() }}) as identifier_value,
        {{ first_named(devices) }} as device_type,
        cast(coalesce({{ (devices + ['null']) | join(', ') }}) as {{ dbt.type_string() }}) as device_value,
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
