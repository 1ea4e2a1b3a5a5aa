{# A value as another type, or null where it is none: for what people typed. A plain cast would stop the build at one bad record. #}
{% macro try_cast_to(expression, data_type) -%}
    try_cast({{ expression }} as {{ data_type }})
{%- endmacro %}
