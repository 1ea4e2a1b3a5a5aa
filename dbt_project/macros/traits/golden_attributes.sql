{#
    The product's attributes and the user's own. A malformed list stops the compilation, because it
    would silently drop an attribute.
#}
{% macro golden_attributes() %}
    {%- set attributes = var('attributes') + (var('custom_attributes', []) or []) -%}
    {%- set names = attributes | map(attribute='name') | list -%}
    {%- for attribute in attributes -%}
        {%- for key in ['name', 'data_type', 'group', 'survivorship', 'pii', 'description'] if key not in attribute -%}
            {{ exceptions.raise_compiler_error('the attribute ' ~ attribute.name ~ ' has no ' ~ key) }}
        {%- endfor -%}
        {%- if names.count(attribute.name) > 1 -%}
            {{ exceptions.raise_compiler_error('the attribute ' ~ attribute.name ~ ' is declared twice') }}
        {%- endif -%}
        {%- if attribute.survivorship not in ['best_record', 'with_group'] -%}
            {{ exceptions.raise_compiler_error(
                'the attribute ' ~ attribute.name ~ ' has the survivorship ' ~ attribute.survivorship
                ~ '; use best_record or with_group'
            ) }}
        {%- endif -%}
    {%- endfor -%}
    {{ return(attributes) }}
{% endmacro %}
