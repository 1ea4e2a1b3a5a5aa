{#
    A statement that selects the rows which break a rule (of listed_rules). Where new is
    given (SQL): of the rows that fulfil it; of a key, all rows that have it.
#}
{% macro select_broken_rows(rule, relation, new=none) -%}
    {%- set conditions = [rule.where, new if rule.is_broken is defined else none] | select | list -%}
    {%- set rows = 'select * from ' ~ relation ~ (' where (' ~ conditions | join(') and (') ~ ')' if conditions else '') -%}
    {%- if rule.parent is defined -%}
        {%- set column = rule.columns[0] -%}
        {%- set statement -%}
            select * from ({{ rows }}) as tested where {{ column }} is not null and not exists (
                select 1 from {{ rule.parent }} as parent where parent.{{ rule.field }} = tested.{{ column }}
            )
        {%- endset -%}
    {%- elif rule.is_broken is defined -%}
        {%- set statement -%}
            select * from ({{ rows }}) as tested where {{ rule.is_broken }}
        {%- endset -%}
    {%- else -%}
        {%- set statement -%}
            select tested.* from ({{ rows }}) as tested
            inner join ({{ select_repeated_keys(rule, relation, new) }}) as repeated on
            {%- for column in rule.columns %}
                tested.{{ column }} is not distinct from repeated.{{ column }}
                {%- if not loop.last %} and{% endif %}
            {%- endfor %}
        {%- endset -%}
    {%- endif -%}
    {{ return(statement | trim) }}
{%- endmacro %}
