{#
    A city as Meta matches it: lower case, without punctuation and spaces, letters of every script
    kept, SHA-256 in hex.
#}
{% macro hash_meta_city(expression) -%}
    {{ sha256_hex("nullif(lower(" ~ replace_pattern(expression, "'[^\\p{L}\\p{M}\\p{N}]'") ~ "), '')") }}
{%- endmacro %}
