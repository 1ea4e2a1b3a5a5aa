{#
    The keys that more than one row has (rule: a key of listed_rules), with row_count. Where new is
    given (SQL), only the keys of rows that fulfil it, looked for in all rows.
#}
{% macro select_repeated_keys(rule, relation, new=none) -%}
    {%- set key = rule.columns | join(', ') -%}
    {%- set rows = 'select * from ' ~ relation ~ (' where ' ~ rule.where if rule.where else '') -%}
    select {{ key }}, count(*) as row_count
    from ({{ rows }}) as tested
    {%- if new %}
    inner join (
        select distinct {% for column in rule.columns %}{{ column }} as new_{{ loop.index }}{{ ', ' if not loop.last }}{% endfor %}
        from ({{ rows }}) as arrived
        where {{ new }}
    ) as new_keys on
        {%- for column in rule.columns %}
        tested.{{ column }} is not distinct from new_keys.new_{{ loop.index }}{{ ' and' if not loop.last }}
        {%- endfor %}
    {%- endif %}
    group by {{ key }}
    having count(*) > 1
{%- endmacro %}
