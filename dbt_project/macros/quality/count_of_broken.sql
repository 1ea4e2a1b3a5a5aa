{#
    How many rows break a rule (of listed_rules), in a select from the tested rows. For a key, the
    rows beyond the first with each key: counting distinct keys needs no second read of the model.
    Where only new rows are tested (new: SQL), their keys are looked for in all rows.
#}
{% macro count_of_broken(rule, relation, new=none) -%}
    {%- if rule.is_broken is defined -%}
        count(case when {% if rule.where %}({{ rule.where }}) and {% endif %}({{ rule.is_broken }}) then 1 end)
    {%- elif new -%}
        (select coalesce(sum(row_count - 1), 0) from ({{ select_repeated_keys(rule, relation, new) }}) as repeated)
    {%- else -%}
        {%- set key = rule.columns[0] if rule.rule == 'unique' else row_of(rule.columns) -%}
        {%- if rule.where -%}
            count(case when {{ rule.where }} then 1 end) - count(distinct case when {{ rule.where }} then {{ key }} end)
        {%- else -%}
            count(*) - count(distinct {{ key }})
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
