{#
    All columns of a CTE, and for each value column one in the form that is matched.
    A phone becomes its number: null for a text of phone_text that is no valid number. The domain of
    an e-mail address gets its one form. All other values stay.
#}
{% macro parse_values(cte, columns) %}
    select
        {{ cte }}.*
        {%- for column in columns %},
        case
            when {{ column.parsed }}_domains.email_domain is not null
                then {{ with_email_domain(column.value, column.parsed ~ '_domains.email_domain') }}
            when {{ unparsed_phone(column.kind, column.value) }} is null then {{ column.value }}
            else {{ column.parsed }}_numbers.phone_e164
        end as {{ column.parsed }}
        {%- endfor %}
    from {{ cte }}
    {%- for column in columns %}
    left join {{ ref('cnf_lookups__phone_numbers') }} as {{ column.parsed }}_numbers
        on {{ unparsed_phone(column.kind, column.value) }} = {{ column.parsed }}_numbers.phone_text
    left join {{ ref('cnf_lookups__email_domains') }} as {{ column.parsed }}_domains
        on {{ unparsed_email_domain(column.kind, column.value) }} = {{ column.parsed }}_domains.domain_text
    {%- endfor -%}
{% endmacro %}
