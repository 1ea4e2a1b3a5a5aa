{# A currency as its three capital letters (ISO 4217); null for anything else. #}
{% macro normalize_currency(expression) -%}
    case
        when {{ matches_pattern("upper(trim(" ~ expression ~ "))", "'^[A-Z]{3}$'") }}
            then upper(trim({{ expression }}))
    end
{%- endmacro %}
