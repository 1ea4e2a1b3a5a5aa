{#
    An e-mail address as Meta matches it: trimmed, lower case (dots and +tags stay), SHA-256 in hex.
    Null for null and ''.
#}
{% macro hash_meta_email(expression) -%}
    {{ sha256_hex("nullif(lower(" ~ trim_whitespace(expression) ~ "), '')") }}
{%- endmacro %}
