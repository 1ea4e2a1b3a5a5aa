{#
    The moment at which segments, expiry and consent are evaluated, as a timestamp in UTC:
    MERGANSER_AS_OF, or the start of the run.
#}
{% macro as_of() -%}
    {%- set moment = env_var('MERGANSER_AS_OF', '') or run_started_at.strftime('%Y-%m-%dT%H:%M:%S') -%}
    cast('{{ modules.datetime.datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S") }}' as timestamp)
{%- endmacro %}
