{#
    The join that gives a record its ISO country as `<alias>.country_code`; null for a spelling that
    is not in the seeds.
#}
{% macro join_country(alias, expression) -%}
    left join {{ ref('stg_lookups__country_spellings') }} as {{ alias }}
        on {{ country_spelling(expression) }} = {{ alias }}.spelling
{%- endmacro %}
