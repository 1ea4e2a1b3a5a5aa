{# Every match of a regular expression replaced. #}
{% macro replace_pattern(expression, pattern, replacement="''") -%}
    {{ return(adapter.dispatch('replace_pattern', 'merganser')(expression, pattern, replacement)) }}
{%- endmacro %}

{% macro default__replace_pattern(expression, pattern, replacement) -%}
    regexp_replace({{ expression }}, {{ pattern }}, {{ replacement }}, 'g')
{%- endmacro %}

{# Spark reads a backslash in a literal as an escape. #}
{% macro spark__replace_pattern(expression, pattern, replacement) -%}
    regexp_replace({{ expression }}, {{ pattern | replace('\\', '\\\\') }}, {{ replacement }})
{%- endmacro %}
