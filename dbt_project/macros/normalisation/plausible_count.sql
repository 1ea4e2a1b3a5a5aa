{#
    A count as a source gives it; null where it is absurd (a million million), because it would
    overflow every sum.
#}
{% macro plausible_count(expression) -%}
    case when {{ expression }} between -1000000000000 and 1000000000000 then cast({{ expression }} as bigint) end
{%- endmacro %}
