{#
    The required columns of a fact that a record lacks, as text (`currency_code, total_amount`);
    null where it lacks none.
    given: {column of the fact: SQL}. A column that the fact does not declare not_null may be empty.
#}
{% macro missing_columns(model_name, given) -%}
    {%- set required = required_columns(model_name) -%}
    {%- set checks = [] -%}
    {%- for column, expression in given.items() if column in required -%}
        {%- do checks.append("case when " ~ expression ~ " is null then '" ~ column ~ "' end") -%}
    {%- endfor -%}
    {%- if checks -%}
        nullif(concat_ws(', ', {{ checks | join(', ') }}), '')
    {%- else -%}
        cast(null as {{ dbt.type_string() }})
    {%- endif -%}
{%- endmacro %}
