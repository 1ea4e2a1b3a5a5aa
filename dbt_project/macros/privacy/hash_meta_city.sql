{#
    A city as Meta matches it: lower case, without spaces, dots, dashes and digits, SHA-256 in hex.
#}
{% macro hash_meta_city(expression) -%}
    {{ sha256_hex(meta_value('city', expression)) }}
{%- endmacro %}
