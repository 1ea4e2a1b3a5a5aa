{#
    All columns of a CTE, and for each value column one with its phones as numbers. It is null for a
    text of phone_text that is no valid number, and the value itself for all other values.
#}
{% macro parse_phones(cte, columns) %}
    select
        {{ cte }}.*
        {%- for column in columns %},
        case
            when {{ unparsed_phone(column.kind, column.value) }} is null then {{ column.value }}
            else {{ column.parsed }}_numbers.phone_e164
        end as {{ column.parsed }}
        {%- endfor %}
    from {{ cte }}
    {%- for column in columns %}
    left join {{ ref('cnf_lookups__phone_numbers') }} as {{ column.parsed }}_numbers
        on {{ unparsed_phone(column.kind, column.value) }} = {{ column.parsed }}_numbers.phone_text
    {%- endfor -%}
{% endmacro %}
