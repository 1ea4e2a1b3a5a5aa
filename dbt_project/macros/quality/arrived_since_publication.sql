{#
    SQL that is true for rows of a model that arrived since the last publication; none where all its
    rows are to be tested: MERGANSER_PUBLISHED_UNTIL is empty, or the model has no column new_rows_by (meta
    of the test). The variable is read only when a test runs: dbt would parse the project again
    whenever one that it read while parsing has another value.
#}
{% macro arrived_since_publication(relation) -%}
    {%- set moment = env_var('MERGANSER_PUBLISHED_UNTIL', '') if execute else '' -%}
    {%- set column = (config.get('meta') or {}).get('new_rows_by') if moment else none -%}
    {%- if column and relation is not string
        and column in adapter.get_columns_in_relation(relation) | map(attribute='name') | map('lower') -%}
        {%- set literal = modules.datetime.datetime.fromisoformat(moment).strftime('%Y-%m-%d %H:%M:%S') -%}
        {{ return(column ~ " > cast('" ~ literal ~ "' as timestamp)") }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}
