{#
    Microseconds since 1970 as a timestamp in UTC; null outside the years 1 to 9999, where engines
    disagree.
#}
{% macro timestamp_of_microseconds(expression) -%}
    case
        when {{ expression }} between -62135596800000000 and 253402300799999999
            then {{ adapter.dispatch('timestamp_of_microseconds', 'merganser')(expression) }}
    end
{%- endmacro %}

{% macro default__timestamp_of_microseconds(expression) -%}
    make_timestamp({{ expression }})
{%- endmacro %}

{% macro spark__timestamp_of_microseconds(expression) -%}
    timestamp_micros({{ expression }})
{%- endmacro %}
