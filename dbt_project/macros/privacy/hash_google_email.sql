{#
    An e-mail address as Google matches it: trimmed, lower case, Gmail's without dots and +tags,
    SHA-256 in hex. Null for what is no address.
#}
{% macro hash_google_email(expression) -%}
    {{ sha256_hex(google_value('email', expression)) }}
{%- endmacro %}
