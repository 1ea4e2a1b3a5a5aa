{#
    The raw table of a source, and those of its further feeds: the sources <source>_<name> that
    users declare themselves. A feed need not have every column.
    record_id: the column with ids that each feed assigns itself; they get the feed's name as a
    prefix.
#}
{% macro union_feeds(source_name, entity, record_id=none) %}
    {%- set own = source(source_name, entity) -%}
    {%- set schemas = [] -%}
    {%- if execute -%}
        {%- set schemas = schemas_with_table(own.schema ~ '_', entity) -%}
    {%- endif -%}
    {%- if not schemas -%}
        select * from {{ own }}
    {%- else -%}
        {%- set columns = adapter.get_columns_in_relation(own) -%}
        select {{ columns | map(attribute='quoted') | join(', ') }} from {{ own }}
        {%- for schema in schemas %}
            {%- set feed = api.Relation.create(database=own.database, schema=schema, identifier=entity) -%}
            {%- set given = adapter.get_columns_in_relation(feed) | map(attribute='name') | list %}
        union all
        select
            {%- for column in columns %}
            {% if column.name not in given -%}
                cast(null as {{ column.data_type }})
            {%- elif column.name == record_id -%}
                '{{ schema[own.schema | length + 1:] }}:' || {{ column.quoted }}
            {%- else -%}
                cast({{ column.quoted }} as {{ column.data_type }})
            {%- endif %} as {{ column.quoted }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ feed }}
        {%- endfor %}
    {%- endif -%}
{% endmacro %}
