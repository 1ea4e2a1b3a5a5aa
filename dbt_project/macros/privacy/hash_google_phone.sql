{#
    A phone number as Google matches it: E.164, SHA-256 in hex. Anything else gives null, because a
    country code is never guessed: the formatter adds a plus to a national number.
#}
{% macro hash_google_phone(expression) -%}
    {{ sha256_hex(google_value('phone', e164_only(expression))) }}
{%- endmacro %}
