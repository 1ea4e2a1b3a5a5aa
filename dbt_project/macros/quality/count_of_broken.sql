{#
    An aggregate: how many rows break a rule (of listed_rules). For a key, the rows beyond the first
    with each key: counting distinct keys needs no second read of the model.
#}
{% macro count_of_broken(rule) -%}
    {%- if rule.is_broken is defined -%}
        count(case when {% if rule.where %}({{ rule.where }}) and {% endif %}({{ rule.is_broken }}) then 1 end)
    {%- else -%}
        {%- set key = rule.columns[0] if rule.columns | length == 1 and rule.rule == 'unique' else row_of(rule.columns) -%}
        {%- if rule.where -%}
            count(case when {{ rule.where }} then 1 end) - count(distinct case when {{ rule.where }} then {{ key }} end)
        {%- else -%}
            count(*) - count(distinct {{ key }})
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
