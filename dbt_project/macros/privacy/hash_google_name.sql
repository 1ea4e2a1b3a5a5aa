{#
    A given or family name as Google matches it: trimmed, lower case, punctuation and letters of
    every script kept, SHA-256 in hex. Null where it has no letter.
#}
{% macro hash_google_name(expression) -%}
    {{ sha256_hex(google_value('name', expression)) }}
{%- endmacro %}
