{# A quantile of a group, between the values where none is exactly there. share: 0 to 1. #}
{% macro quantile_of(expression, share) -%}
    {{ return(adapter.dispatch('quantile_of', 'merganser')(expression, share)) }}
{%- endmacro %}

{% macro default__quantile_of(expression, share) -%}
    quantile_cont(cast({{ expression }} as double), {{ share }})
{%- endmacro %}

{% macro spark__quantile_of(expression, share) -%}
    percentile(cast({{ expression }} as double), {{ share }})
{%- endmacro %}
