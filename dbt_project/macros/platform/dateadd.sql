{#
    dbt's own macro on Spark, but exact: the one of dbt-spark drops fractions of a second and stops
    the build at a null.
#}
{% macro spark__dateadd(datepart, interval, from_date_or_timestamp) -%}
    timestampadd({{ datepart }}, {{ interval }}, {{ from_date_or_timestamp }})
{%- endmacro %}
