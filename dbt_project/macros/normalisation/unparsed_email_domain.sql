{#
    The domain of an e-mail address if it may have several forms (letters beyond ASCII, or xn--), as
    cnf_lookups__email_domains has it; otherwise null.
#}
{% macro unparsed_email_domain(kind, value) -%}
    case
        when {{ kind }} = 'email' and {{ matches_pattern(value, "'@.*([^\\x00-\\x7f]|xn--)'") }}
            then {{ dbt.split_part(value, "'@'", 2) }}
    end
{%- endmacro %}
