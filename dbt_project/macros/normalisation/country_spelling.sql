{# A country as stg_lookups__country_spellings keys it: lower case, without dots, so that 'U.S.A.' and 'usa' are one. #}
{% macro country_spelling(expression) -%}
    replace(lower(trim({{ expression }})), '.', '')
{%- endmacro %}
