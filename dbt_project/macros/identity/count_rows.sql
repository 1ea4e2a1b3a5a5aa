{# The number of rows of a select or relation, while the model runs: what a loop ends on. #}
{% macro count_rows(rows) -%}
    {{ return(run_query('select count(*) as row_count from ' ~ rows).columns[0].values()[0] | int) }}
{%- endmacro %}
