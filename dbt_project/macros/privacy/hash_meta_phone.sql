{#
    A phone number as Meta matches it: digits only, with the country code, without plus and leading
    zeros, SHA-256 in hex. Requires E.164; anything else gives null, because a country code is never
    guessed.
#}
{% macro hash_meta_phone(expression) -%}
    case
        when {{ matches_pattern(expression, "'^[+][1-9][0-9]{6,14}$'") }}
            then {{ sha256_hex("replace(" ~ expression ~ ", '+', '')") }}
    end
{%- endmacro %}
