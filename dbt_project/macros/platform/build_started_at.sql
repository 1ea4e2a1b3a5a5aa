{# The start of the run by the machine's clock, as a timestamp in UTC; MERGANSER_AS_OF does not move it. #}
{% macro build_started_at() -%}
    cast('{{ run_started_at.strftime("%Y-%m-%d %H:%M:%S.%f") }}' as timestamp)
{%- endmacro %}
