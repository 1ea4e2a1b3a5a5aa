{#
    A value as Meta's SDK normalises it before it hashes: SQL of a text, null for what the SDK
    refuses and where nothing remains.
    field: email, phone, name, name_start (five letters), initial, city, region, postal_code,
    country, birth_date, birth_day, birth_month, birth_year, gender, external_id or currency.
    A rule that changes raises the version in normaliser_versions.
#}
{% macro meta_value(field, expression) -%}
    {%- set text = "lower(" ~ trim_whitespace(expression) ~ ")" -%}
    {%- set name = replace_pattern(text, "'\\s+'", "' '") -%}
    {%- if field == 'email' -%}
        {#- An address that is a hash already stays. -#}
        {{ _text_like(text, "'^([^@]+@[^@]+[.][^@]+|[0-9a-f]{64})$'") }}
    {%- elif field == 'phone' -%}
        {%- set digits = replace_pattern(replace_pattern(text, "'[\\s()+-]'"), "'^0+'") -%}
        {{ _text_like(digits, "'^\\p{Nd}{7,}$'") }}
    {%- elif field == 'name' -%}
        {{ _text_like(name, "'[\\p{L}\\p{N}]'") }}
    {%- elif field in ('name_start', 'initial') -%}
        nullif(substring({{ name }}, 1, {{ 5 if field == 'name_start' else 1 }}), '')
    {%- elif field in ('city', 'region') -%}
        {{ _text_like(replace_pattern(text, "'[0-9.\\s()-]'"), "'\\p{L}'") }}
    {%- elif field == 'postal_code' -%}
        {#- On one line, or the linter takes its breaks for the model's. -#}
        nullif({{ dbt.split_part(replace_pattern(text, "'\\s'"), "'-'", 1) | replace('\n', '') | trim }}, '')
    {%- elif field == 'country' -%}
        {#- The United Kingdom is gb, and zz is no country. -#}
        case when {{ text }} not in ('uk', 'zz') then {{ _text_like(text, "'^[a-z]{2}$'") }} end
    {%- elif field in ('birth_day', 'birth_month') -%}
        {%- set number = "right('0' || " ~ text ~ ", 2)" -%}
        {%- set day = "'^(0?[1-9]|[12][0-9]|3[01])$'" -%}
        case when {{ matches_pattern(text, day if field == 'birth_day' else "'^(0?[1-9]|1[0-2])$'") }} then {{ number }} end
    {%- elif field == 'birth_year' -%}
        {{ _text_like(text, "'^[0-9]{4}$'") }}
    {%- elif field == 'currency' -%}
        {{ _text_like(text, "'^[a-z]{3}$'") }}
    {%- elif field in ('birth_date', 'gender', 'external_id') -%}
        nullif({{ text }}, '')
    {%- else -%}
        {{ exceptions.raise_compiler_error("meta_value knows no field '" ~ field ~ "'") }}
    {%- endif -%}
{%- endmacro %}

{# A text where it matches a pattern; otherwise null. #}
{% macro _text_like(text, pattern) -%}
    case when {{ matches_pattern(text, pattern) }} then {{ text }} end
{%- endmacro %}
