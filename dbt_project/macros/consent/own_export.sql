{#
    The mapping under config.meta.export of the model that is being compiled. It is {} while dbt
    parses, because dbt reads the YAML later.
    A unit test does not have its model's YAML, so it overrides this macro
    (overrides.macros.own_export).
#}
{% macro own_export() %}
    {%- if not execute -%}
        {{ return({}) }}
    {%- elif model.unique_id not in (graph.nodes or {}) -%}
        {{ exceptions.raise_compiler_error(model.name ~ ': override own_export with a purpose and a channel') }}
    {%- endif -%}
    {%- set export = (graph.nodes[model.unique_id].config.meta or {}).get('export') or {} -%}
    {%- for key in ['purpose', 'channel'] -%}
        {%- if not modules.re.fullmatch('[a-z][a-z0-9_]*', (export.get(key) or '') | string) -%}
            {{ exceptions.raise_compiler_error(
                model.name ~ ': config.meta.export.' ~ key ~ ' must name a ' ~ key ~ ' of the seed purposes'
            ) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(export) }}
{% endmacro %}
