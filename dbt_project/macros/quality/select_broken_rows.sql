{# A statement that selects the rows which break a rule (of listed_rules), in one line. #}
{% macro select_broken_rows(rule, relation) -%}
    {%- set rows = 'select * from ' ~ relation ~ (' where ' ~ rule.where if rule.where else '') -%}
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
        {%- set key = rule.columns | join(', ') -%}
        {%- set statement -%}
            select tested.* from ({{ rows }}) as tested
            inner join (
                select {{ key }} from ({{ rows }}) as tested group by {{ key }} having count(*) > 1
            ) as repeated on
            {%- for column in rule.columns %}
                tested.{{ column }} is not distinct from repeated.{{ column }}
                {%- if not loop.last %} and{% endif %}
            {%- endfor %}
        {%- endset -%}
    {%- endif -%}
    {{ return(modules.re.sub('\\s+', ' ', statement) | trim) }}
{%- endmacro %}
