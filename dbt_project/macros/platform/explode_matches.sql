{#
    One row per match of a regular expression in a text; belongs in a select list. A text without a
    match gives no row.
#}
{% macro explode_matches(expression, pattern) -%}
    {{ return(adapter.dispatch('explode_matches', 'merganser')(expression, pattern)) }}
{%- endmacro %}

{% macro default__explode_matches(expression, pattern) -%}
    unnest(regexp_extract_all({{ expression }}, {{ pattern }}))
{%- endmacro %}

{# Spark reads a backslash in a literal as an escape. #}
{% macro spark__explode_matches(expression, pattern) -%}
    explode(regexp_extract_all({{ expression }}, {{ pattern | replace('\\', '\\\\') }}, 0))
{%- endmacro %}
