{#
    True where the text contains a match of the regular expression, in the common part of RE2's and
    Java's syntax.
#}
{% macro matches_pattern(expression, pattern) -%}
    {{ return(adapter.dispatch('matches_pattern', 'merganser')(expression, pattern)) }}
{%- endmacro %}

{% macro default__matches_pattern(expression, pattern) -%}
    regexp_matches({{ expression }}, {{ pattern }})
{%- endmacro %}

{# Spark reads a backslash in a literal as an escape. #}
{% macro spark__matches_pattern(expression, pattern) -%}
    ({{ expression }} rlike {{ pattern | replace('\\', '\\\\') }})
{%- endmacro %}
