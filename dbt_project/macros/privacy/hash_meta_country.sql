{#
    A country as Meta matches it: the ISO 3166-1 alpha-2 code in lower case, SHA-256 in hex. Null
    for anything but two letters.
#}
{% macro hash_meta_country(expression) -%}
    {%- set country = "lower(trim(" ~ expression ~ "))" -%}
    case when {{ matches_pattern(country, "'^[a-z]{2}$'") }} then {{ sha256_hex(country) }} end
{%- endmacro %}
