{#
    A phone number as Meta matches it: digits only, with the country code, without plus and leading
    zeros, SHA-256 in hex. Requires E.164; anything else gives null, because a country code is never
    guessed: the SDK hashes a national number, which is nobody's or another person's.
#}
{% macro hash_meta_phone(expression) -%}
    {{ sha256_hex(meta_value('phone', e164_only(expression))) }}
{%- endmacro %}
