{# A timestamp in UTC as microseconds since 1970. #}
{% macro microseconds_of_timestamp(expression) -%}
    {{ adapter.dispatch('microseconds_of_timestamp', 'merganser')(expression) }}
{%- endmacro %}

{% macro default__microseconds_of_timestamp(expression) -%}
    date_diff('microsecond', timestamp '1970-01-01', {{ expression }})
{%- endmacro %}

{% macro spark__microseconds_of_timestamp(expression) -%}
    unix_micros({{ expression }})
{%- endmacro %}
