{#
    A value as the formatter of Google's Data Manager API (Customer Match) normalises it: SQL of a
    text, null for what the formatter refuses. Google wants no city and no street.
    field: email, phone, name, country or postal_code. Country and postal code are sent as they are,
    the others hashed (hash_google_*).
    A rule that changes raises the version in normaliser_versions.
#}
{% macro google_value(field, expression) -%}
    {%- set text = trim_whitespace(expression) -%}
    {%- if field == 'email' -%}
        {%- set address = "lower(" ~ text ~ ")" -%}
        {#- Gmail delivers a.b+c@ to ab@. -#}
        {%- set mailbox = replace_pattern(replace_pattern(address, "'@.*$'"), "'[+].*$|[.]'") -%}
        {%- set short = mailbox ~ " || '@' || " ~ dbt.split_part(address, "'@'", 2) -%}
        case
            when {{ matches_pattern(address, "'^[.]*([+][^@]*)?@g(oogle)?mail[.]com$'") }} then null
            when {{ matches_pattern(address, "'^[^@\\s]+@g(oogle)?mail[.]com$'") }} then {{ short }}
            when {{ matches_pattern(address, "'^[^@\\s]+@[^@\\s]+$'") }} then {{ address }}
        end
    {%- elif field == 'phone' -%}
        '+' || nullif({{ replace_pattern(text, "'[^\\p{Nd}]'") }}, '')
    {%- elif field == 'name' -%}
        {{ _text_like(replace_pattern("lower(" ~ text ~ ")", "'\\s+'", "' '"), "'[\\p{L}\\p{N}]'") }}
    {%- elif field == 'country' -%}
        {{ _text_like("upper(" ~ text ~ ")", "'^[A-Z]{2}$'") }}
    {%- elif field == 'postal_code' -%}
        nullif({{ text }}, '')
    {%- else -%}
        {{ exceptions.raise_compiler_error("google_value knows no field '" ~ field ~ "'") }}
    {%- endif -%}
{%- endmacro %}
