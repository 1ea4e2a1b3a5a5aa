{#
    MD5 of a text as 32 lower-case hex digits: for surrogate keys, never for a secret. Both engines
    call it md5.
#}
{% macro md5_hex(expression) -%}
    md5(cast({{ expression }} as {{ dbt.type_string() }}))
{%- endmacro %}
