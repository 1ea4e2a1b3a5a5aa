{#
    A value cast to another type, or null where that fails: for values that people typed. A plain
    cast would stop the build at one bad record.
#}
{% macro try_cast_to(expression, data_type) -%}
    try_cast({{ expression }} as {{ data_type }})
{%- endmacro %}
