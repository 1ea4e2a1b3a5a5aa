{#
    The data, as JSON, of an entity in self-describing JSON:
    {"data": [{"schema": "iglu:vendor/name/...", "data": {...}}]}.
    name: vendor and name, as literal text. position: which of the entities of that name, from 1.
#}
{% macro entity_data(expression, name, position=1) -%}
    {{ return(adapter.dispatch('entity_data', 'merganser')(expression, name, position)) }}
{%- endmacro %}

{% macro default__entity_data(expression, name, position) -%}
    list_filter(
        from_json({{ expression }} -> '$.data', '[{"schema":"VARCHAR","data":"JSON"}]'),
        lambda entity: entity.schema like 'iglu:{{ name }}/%'
    )[{{ position }}].data
{%- endmacro %}

{% macro spark__entity_data(expression, name, position) -%}
    get(
        filter(
            from_json(get_json_object({{ expression }}, '$.data'), 'array<struct<schema:string,data:string>>'),
            entity -> entity.schema like 'iglu:{{ name }}/%'
        ),
        {{ position - 1 }}
    ).data
{%- endmacro %}
