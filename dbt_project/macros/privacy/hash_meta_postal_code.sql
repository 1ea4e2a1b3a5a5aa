{#
    A postal code as Meta matches it: lower case, without spaces, up to the first dash, for the
    United States only the first five digits, SHA-256 in hex.
    country: SQL of the ISO 3166-1 alpha-2 code.
#}
{% macro hash_meta_postal_code(expression, country) -%}
    {%- set postal_code = meta_value('postal_code', expression) -%}
    {%- set five = "substring(" ~ postal_code ~ ", 1, 5)" -%}
    {%- set is_us = "upper(trim(" ~ country ~ ")) = 'US'" -%}
    {{ sha256_hex("case when " ~ is_us ~ " then " ~ five ~ " else " ~ postal_code ~ " end") }}
{%- endmacro %}
