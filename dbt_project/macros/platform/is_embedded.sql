{#
    True where the engine runs inside this process, so that arrays pass between the two without
    being written to disk.
#}
{% macro is_embedded() -%}
    {{ return(adapter.dispatch('is_embedded', 'merganser')()) }}
{%- endmacro %}

{% macro default__is_embedded() -%}
    {{ return(false) }}
{%- endmacro %}

{% macro duckdb__is_embedded() -%}
    {{ return(true) }}
{%- endmacro %}
