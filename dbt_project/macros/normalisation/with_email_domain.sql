{# An e-mail address with another domain. #}
{% macro with_email_domain(value, domain) -%}
    {{ dbt.split_part(value, "'@'", 1) }} || '@' || {{ domain }}
{%- endmacro %}
