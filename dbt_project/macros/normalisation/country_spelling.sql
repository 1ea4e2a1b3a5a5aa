{#
    A country as the key of stg_lookups__country_spellings: lower case, without dots, so that
    'U.S.A.' and 'usa' are one.
#}
{% macro country_spelling(expression) -%}
    replace(lower(trim({{ expression }})), '.', '')
{%- endmacro %}
