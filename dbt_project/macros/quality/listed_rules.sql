{#
    The rules of a keeps_rules test as a list of mappings: no, rule (as in messages and waivers),
    columns, where (SQL, or none for all rows), and is_broken: SQL on one row. A key has no is_broken,
    because a row alone does not break it. A relationship has parent (a relation) and field, too.
#}
{% macro listed_rules(not_null, unique, accepted_values, between, relationships, live) -%}
    {%- set rules = [] -%}
    {%- for entry in not_null -%}
        {%- set given = entry if entry is mapping else {'columns': entry} -%}
        {%- for column in ([given.columns] if given.columns is string else given.columns) -%}
            {%- do rules.append({
                'rule': 'not_null', 'columns': [column], 'where': given.get('where'),
                'is_broken': column ~ ' is null',
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for entry in unique -%}
        {%- set given = entry if entry is mapping else {'columns': entry} -%}
        {%- if given.columns is string -%}
            {%- set where = ('(' ~ given.get('where') ~ ') and ' if given.get('where') else '') ~ given.columns ~ ' is not null' -%}
            {%- do rules.append({'rule': 'unique', 'columns': [given.columns], 'where': where}) -%}
        {%- else -%}
            {%- do rules.append({'rule': 'is_unique_together', 'columns': given.columns, 'where': given.get('where')}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for column, values in accepted_values.items() -%}
        {%- set literals = [] -%}
        {%- for value in values -%}
            {%- do literals.append(
                dbt.string_literal(dbt.escape_single_quotes(value)) if value is string else value | string
            ) -%}
        {%- endfor -%}
        {%- do rules.append({
            'rule': 'accepted_values', 'columns': [column], 'where': none,
            'is_broken': column ~ ' not in (' ~ literals | join(', ') ~ ')',
        }) -%}
    {%- endfor -%}
    {%- for column, limits in between.items() -%}
        {%- do rules.append({
            'rule': 'is_between', 'columns': [column], 'where': none,
            'is_broken': column ~ ' < ' ~ limits[0] ~ ' or ' ~ column ~ ' > ' ~ limits[1],
        }) -%}
    {%- endfor -%}
    {%- for column, entry in relationships.items() -%}
        {%- set given = entry if entry is mapping else {'to': entry} -%}
        {%- do rules.append({
            'rule': 'relationships', 'columns': [column], 'where': given.get('where'),
            'parent': ref(given.to.split('.')[0]), 'field': given.to.split('.')[1],
        }) -%}
    {%- endfor -%}
    {%- for entry in live -%}
        {%- set given = entry if entry is mapping else {'columns': entry} -%}
        {%- for column in ([given.columns] if given.columns is string else given.columns) -%}
            {%- do rules.append({
                'rule': 'is_live', 'columns': [column], 'where': given.get('where'),
                'is_broken': column ~ ' is null or ' ~ column ~ ' <= ' ~ as_of(),
            }) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if not rules -%}
        {%- do exceptions.raise_compiler_error('keeps_rules has no rule') -%}
    {%- endif -%}
    {%- for rule in rules -%}
        {%- do rule.update({'no': loop.index}) -%}
        {%- if rule.parent is defined -%}
            {%- do rule.update({'is_broken': rule.columns[0] ~ ' is not null and found_' ~ loop.index ~ ' is null'}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(rules) }}
{%- endmacro %}
