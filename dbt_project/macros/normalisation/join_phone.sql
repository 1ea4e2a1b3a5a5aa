{#
    The join that gives a record its number as `<alias>.phone_e164`. Without `country`, only numbers
    with a + are read.
#}
{% macro join_phone(alias, expression, country="''") -%}
    left join {{ ref('stg_lookups__phone_numbers') }} as {{ alias }}
        on trim({{ expression }}) = {{ alias }}.raw_phone
        and coalesce({{ country }}, '') = {{ alias }}.country_code
{%- endmacro %}
