{#
    A country as Meta matches it: the ISO 3166-1 alpha-2 code in lower case, SHA-256 in hex. Null
    for anything but two letters.
#}
{% macro hash_meta_country(expression) -%}
    {{ sha256_hex(meta_value('country', expression)) }}
{%- endmacro %}
