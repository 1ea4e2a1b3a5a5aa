{#
    A first or last name as Meta's SDK matches it: trimmed, lower case, punctuation and letters of
    every script kept, SHA-256 in hex. Null where it has no letter.
#}
{% macro hash_meta_name(expression) -%}
    {{ sha256_hex(meta_value('name', expression)) }}
{%- endmacro %}
