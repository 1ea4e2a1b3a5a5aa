{# The number of rows of a select or relation, while the model runs. Loops use it to end. #}
{% macro count_rows(rows) -%}
    {{ return(run_query('select count(*) as row_count from ' ~ rows).columns[0].values()[0] | int) }}
{%- endmacro %}
