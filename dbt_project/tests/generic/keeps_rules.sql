{#
    All rules of one model, checked in one read. One row per broken rule: the rule, its columns, how
    many rows break it and of how many, and a statement that selects them.
    not_null: [column].
    unique: [column or [columns]]. Of one column, nulls are ignored; of several, nulls are values.
    accepted_values: {column: [values]}; null is accepted.
    between: {column: [lowest, highest]}; null is accepted.
    relationships: {column: model.column}; null is accepted.
    live: [column]: not null, and after as_of(). Expired rows must be in no table above staging.
    A rule about some of the rows has a `where`: {columns: ..., where: is_current} in not_null, unique
    and live; {to: model.column, where: ...} in relationships.
    A test with meta.new_rows_by looks at rows that arrived since the last publication, and for their
    keys in all rows.
#}
{% test keeps_rules(
    model, not_null=[], unique=[], accepted_values={}, between={}, relationships={}, live=[]
) %}

{{ config(fail_calc='coalesce(sum(broken_count), 0)') }}
{%- if live %}
    {%- set clock = [] -%}
    {%- for entry in live %}
        {%- do clock.append({'column': entry.columns if entry is mapping else entry}) -%}
    {%- endfor -%}
    {{ config(meta={'clock': clock}) }}
{%- endif %}

{%- set rules = listed_rules(not_null, unique, accepted_values, between, relationships, live) %}
{%- set new = arrived_since_publication(model) %}

select
    rule,
    column_names,
    broken_count,
    row_count,
    broken_rows
from (
    select
        rules.rule,
        rules.column_names,
        case rules.rule_no
            {%- for rule in rules %}
            when {{ loop.index }} then counts.broken_{{ loop.index }}
            {%- endfor %}
        end as broken_count,
        case rules.rule_no
            {%- for rule in rules %}
            when {{ loop.index }} then counts.{{ 'rows_' ~ loop.index if rule.where else 'row_count' }}
            {%- endfor %}
        end as row_count,
        rules.broken_rows
    from (
        select
            count(*) as row_count
            {%- for rule in rules %}
            {%- if rule.where %},
            count(case when {{ rule.where }} then 1 end) as rows_{{ loop.index }}
            {%- endif %},
            {{ count_of_broken(rule, model, new) }} as broken_{{ loop.index }}
            {%- endfor %}
        from {{ '(select * from ' ~ model ~ ' where ' ~ new ~ ')' if new else model }} as tested
        {%- for rule in rules if rule.parent %}
        left join (select distinct {{ rule.field }} as found_{{ rule.no }} from {{ rule.parent }}) as parent_{{ rule.no }}
            on tested.{{ rule.columns[0] }} = parent_{{ rule.no }}.found_{{ rule.no }}
        {%- endfor %}
    ) as counts
    cross join (
        {%- for rule in rules %}
        select
            {{ loop.index }} as rule_no,
            '{{ rule.rule }}' as rule,
            '{{ rule.columns | join(", ") }}' as column_names,
            {{ dbt.string_literal(dbt.escape_single_quotes(select_broken_rows(rule, model, new))) }} as broken_rows
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ) as rules
) as results
where broken_count > 0

{% endtest %}
